using System.ComponentModel;
using System.Diagnostics;

namespace Clinker.Cli;

/// <summary>Runs another program: an argument list, never a shell; a deadline, never for ever.</summary>
internal static class Tool
{
    /// <summary>What it printed and how it ended; null when it is not there or did not end in time.</summary>
    public static async Task<(int ExitCode, string Output, string Error)?> Run(string program, IReadOnlyList<string> arguments, TimeSpan deadline)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        using var process = new Process { StartInfo = start };
        try
        {
#pragma warning disable RS0030 // the one place of the command line that may
            process.Start();
#pragma warning restore RS0030
        }
        catch (Win32Exception)
        {
            return null;
        }
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(deadline);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            try { process.Kill(entireProcessTree: true); } catch (InvalidOperationException) { /* it has ended meanwhile */ }
            return null;
        }
    }

    /// <summary>Where a program is: on the path, or in the directories that only root has there.</summary>
    public static string? Find(string program, Terminal terminal) =>
        ((terminal.Variable("PATH") ?? "") + ":/usr/sbin:/sbin:/usr/local/sbin").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists);

    /// <summary>
    /// Runs a call that a dead mount may hold for ever on a thread of its own, and stops waiting for it.
    /// </summary>
    /// <exception cref="TimeoutException">It had not come back.</exception>
    public static Task<T> Blocking<T>(Func<T> call, TimeSpan deadline)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try { done.TrySetResult(call()); }
            catch (Exception e) { done.TrySetException(e); }
        })
        { IsBackground = true }.Start();
        return done.Task.WaitAsync(deadline);
    }
}
