namespace Clinker.Cli;

/// <summary>What went wrong, in words for the person at the terminal, and the exit code that scripts see.</summary>
/// <param name="message">One or more lines; the last may say what to do about it.</param>
/// <param name="exitCode"><see cref="Failed"/> or <see cref="Usage"/>.</param>
internal sealed class CliFault(string message, int exitCode = CliFault.Failed) : Exception(message)
{
    public const int Failed = 1;
    public const int Usage = 2;

    public int ExitCode => exitCode;
}
