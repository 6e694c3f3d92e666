using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Clinker.Host;

/// <summary>What a finished process left behind.</summary>
/// <param name="ExitCode">As the kernel gave it; 128 + signal for a killed one.</param>
/// <param name="Output">Standard output, cut at <see cref="Processes.MaxOutputChars"/>.</param>
/// <param name="Error">Standard error, cut likewise.</param>
public sealed record ProcessResult(int ExitCode, string Output, string Error);

/// <summary>How much a program may use that reads what somebody may have crafted. By prlimit (util-linux).</summary>
/// <param name="AddressSpaceBytes">The addresses that it may reserve, which are never fewer than the memory that it uses.</param>
/// <param name="Cpu">Processor time, of whole seconds; null: only its deadline ends it.</param>
public sealed record ToolLimits(long AddressSpaceBytes, TimeSpan? Cpu = null)
{
    /// <summary>
    /// glibc reserves 64 MiB of addresses for each thread that allocates, and qemu-img has up to 64 threads: with fourteen at work it would be
    /// over a limit of 1 GiB and abort, though it used hardly any memory. With one arena for all, 64 threads came to 665 MiB (VmPeak).
    /// </summary>
    static readonly string[] OneArena = ["env", "MALLOC_ARENA_MAX=1"];

    internal const string Program = "prlimit";

    internal IReadOnlyList<string> Arguments(string program, IReadOnlyList<string> arguments) =>
        [$"--as={Number(AddressSpaceBytes)}", .. Cpu is { } cpu ? [$"--cpu={Number((long)cpu.TotalSeconds)}"] : Array.Empty<string>(), .. OneArena, program, .. arguments];

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>What env says of a program that it can't run (POSIX, env, EXIT STATUS), as who runs it without would be told.</summary>
    /// <exception cref="Win32Exception">It could not.</exception>
    internal static void Demand(ProcessResult result)
    {
        const int NotRunnable = 126, NotThere = 127, ENOENT = 2, EACCES = 13;
        if (result.ExitCode is NotRunnable or NotThere) throw new Win32Exception(result.ExitCode == NotThere ? ENOENT : EACCES);
    }
}

/// <summary>Runs tools as separate processes: an argument list, never a shell; a deadline, never for ever.</summary>
public static class Processes
{
    /// <summary>What is kept of each output stream; the rest is read and dropped.</summary>
    public const int MaxOutputChars = 256 * 1024;

    /// <summary>By which programs are started, where this process may have files open on a share that hangs. Set before any is opened.</summary>
    public static Launcher? Launcher { get; set; }

    /// <summary>Held: a registration that is collected is none.</summary>
    static PosixSignalRegistration[] stays = [];

    /// <summary>For a process of this program that serves the daemon: it ends when that does and not before, also when a terminal says so to both.</summary>
    public static void EndWithDaemon() => stays = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }
        .Select(s => PosixSignalRegistration.Create(s, context => context.Cancel = true))];

    /// <summary>Runs a program to its end. Messages come in English (LC_ALL=C), input is empty.</summary>
    /// <exception cref="TimeoutException">It was killed, with its children, at the deadline.</exception>
    /// <exception cref="Win32Exception">The program is not there (ENOENT) or can't be run.</exception>
    /// <exception cref="IOException">Whoever starts programs was killed; the program may be running still.</exception>
    /// <param name="said">Told what it writes to standard output while it runs, piece by piece; no more once it is given up.</param>
    /// <param name="limits">Null: none but the deadline.</param>
    public static async Task<ProcessResult> Run(string program, IReadOnlyList<string> arguments, TimeSpan deadline, Action<string>? said = null,
        ToolLimits? limits = null, CancellationToken token = default)
    {
        var (tool, all) = limits is null ? (program, arguments) : (ToolLimits.Program, limits.Arguments(program, arguments));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(deadline);
        Action<string>? heard = said is null ? null : text => { if (!limit.IsCancellationRequested) said(text); };
        try
        {
            var result = await (Launcher is { } by ? by.Run(tool, all, heard, limit.Token) : Child(tool, all, heard, limit.Token));
            if (limits is not null) ToolLimits.Demand(result);
            return result;
        }
        catch (OperationCanceledException)
        {
            token.ThrowIfCancellationRequested();
            throw new TimeoutException($"{program} did not end within {deadline.TotalSeconds:0.#} s and was killed.");
        }
    }

    /// <summary>Runs it as a child of this process; when <paramref name="limit"/> ends it is killed, with its children.</summary>
    internal static async Task<ProcessResult> Child(string program, IReadOnlyList<string> arguments, Action<string>? said, CancellationToken limit)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        using var process = new Process { StartInfo = start };
#pragma warning disable RS0030 // the one place that may
        process.Start();
#pragma warning restore RS0030
        process.StandardInput.Close();
        var output = Drain(process.StandardOutput, said);
        var error = Drain(process.StandardError);
        try
        {
            await process.WaitForExitAsync(limit);
        }
        catch (OperationCanceledException)
        {
            try { process.Kill(entireProcessTree: true); } catch (Exception e) when (e is InvalidOperationException or AggregateException) { /* it, or a child of it, has ended meanwhile */ }
            throw;
        }
        // A daemon that the program left behind (glusterfs after mount) may hold the pipes open: what is there is enough.
        await Task.WhenAny(Task.WhenAll(output, error), Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None));
        return new ProcessResult(process.ExitCode, Text(output), Text(error));
    }

    static string Text(Task<string> stream) => stream.IsCompletedSuccessfully ? stream.GetAwaiter().GetResult() : "";

    static async Task<string> Drain(StreamReader reader, Action<string>? said = null)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int n;
        for (; (n = await reader.ReadAsync(buffer)) > 0; said?.Invoke(new(buffer, 0, n)))
            if (text.Length < MaxOutputChars) text.Append(buffer, 0, Math.Min(n, MaxOutputChars - text.Length));
        return text.ToString();
    }
}
