using System.ComponentModel;
using System.Text;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Operations;

namespace Clinker.Gluster;

/// <summary>
/// Making and taking away FUSE mounts of Gluster volumes. What mount(8) says of its success is not believed (it exits with 0
/// for a missing sub-directory or a client that is turned away): callers look into the mount table and at the directory.
/// </summary>
internal static class Mounts
{
    /// <summary>How long things on the local file system and in /proc may take.</summary>
    static readonly TimeSpan Local = TimeSpan.FromSeconds(10);
    const int MountsOverEachOther = 8;
    const int LogTailBytes = 16 * 1024;

    /// <summary>Runs <c>mount -t glusterfs</c>; the answer is null or why it failed, in words of mount and the client's log.</summary>
    public static async Task<string?> Mount(Share share, string directory, string logFile, TimeSpan deadline, CancellationToken token)
    {
        var logBegins = await Blocking(() => File.Exists(logFile) ? new FileInfo(logFile).Length : 0);
        try
        {
            var result = await Processes.Run("mount", [.. share.MountArguments(logFile), directory], deadline, token: token);
            if (result.ExitCode == 0) return null;
            if (result.Error.Contains("unknown filesystem type", StringComparison.Ordinal))
                return "mount.glusterfs is not installed; install the package glusterfs-client";
            return $"mount failed: {await Blocking(() => LastError(logFile, logBegins)) ?? LastLine(result.Error) ?? $"exit code {result.ExitCode}"}";
        }
        catch (Win32Exception e) { return $"mount can't be run ({e.Message})"; }
        catch (IOException e) { return e.Message; }
        catch (TimeoutException) { return $"mount did not end within {deadline.TotalSeconds:0} s; is a firewall before the bricks' ports?"; }
    }

    /// <summary>Whether a new client gets through to the bricks: mounts the share at a place of its own, asks, and takes it away.</summary>
    public static async Task<bool> Reaches(Share share, string beside, string logFile, TimeSpan deadline, CancellationToken token)
    {
        await Prepare(beside);
        try
        {
            if (await Mount(share, beside, logFile, deadline, token) is not null) return false;
            return await Blocking(() =>
            {
                if (MountTable.At(beside) is null) return false;
                using var dir = Libc.Open(beside, Libc.O_PATH | Libc.O_DIRECTORY);
                return Libc.Statvfs(dir).Total > 0;
            });
        }
        catch (Exception e) when (e is ErrnoException or TimeoutException) { return false; }
        finally
        {
            await Detach(beside);
            foreach (var client in await Clients(beside, logFile)) await Kill(client);
            await Blocking(() => { Directory.Delete(beside); return true; });
        }
    }

    /// <summary>Why a mount that seemed to succeed is not there, as the client's log has it.</summary>
    public static Task<string?> WhyGone(string logFile) => Blocking(() => LastError(logFile, 0));

    /// <summary>
    /// Makes the mount point, which nobody may write to while nothing is mounted there. Answers with what lies in it,
    /// which a mount will hide: somebody wrote while it was gone.
    /// </summary>
    public static Task<IReadOnlyList<string>> Prepare(string directory) => Blocking<IReadOnlyList<string>>(() =>
    {
        Directory.CreateDirectory(directory);
        if (MountTable.At(directory) is not null) return [];
        using (var open = Libc.Open(directory, Libc.O_RDONLY | Libc.O_DIRECTORY)) Libc.ChangeMode(open, 0x16d /* 0555 */);
        return [.. Directory.EnumerateFileSystemEntries(directory).Select(e => Path.GetFileName(e)).Take(5)];
    });

    /// <summary>Takes away what is mounted at the path, whether it answers or not. Whoever has files open there keeps them.</summary>
    public static Task Detach(string directory) => Blocking(() =>
    {
        for (var i = 0; i < MountsOverEachOther && MountTable.At(directory) is { Type: "fuse.glusterfs" }; i++)
            try { Libc.Detach(directory); }
            catch (ErrnoException e) when (e.Errno == Errno.EINVAL) { /* its client has given up and taken it away meanwhile */ }
        return true;
    });

    /// <summary>The processes that serve a mount point: Gluster's FUSE clients have it as their last argument.</summary>
    public static Task<IReadOnlyList<Client>> Clients(string directory, string logFile) => Blocking<IReadOnlyList<Client>>(() =>
    {
        var clients = new List<Client>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), out var pid)) continue;
            string[] words;
            try { words = File.ReadAllText($"{process}/cmdline").TrimEnd('\0').Split('\0'); }
            catch (IOException) { continue; /* it has ended */ }
            if (Path.GetFileName(words[0]) == "glusterfs" && words[^1] == directory)
                clients.Add(new(pid, words.Contains($"--log-file={logFile}")));
        }
        return clients;
    });

    /// <summary>Ends a client that answers to nothing else; the kernel then lets go of all who wait for it.</summary>
    public static Task Kill(Client client) => Blocking(() =>
    {
        try { Libc.Kill(client.Process); }
        catch (ErrnoException) { /* it has ended meanwhile */ }
        return true;
    });

    /// <summary>The directory that mount points are in, made where it is missing, as the mount table knows it.</summary>
    /// <param name="option">That says where it is.</param>
    /// <param name="who">Whose it is, at the beginning of a sentence.</param>
    /// <exception cref="FaultException">Misconfigured.</exception>
    public static async Task<string> Base(string directory, string option, string who)
    {
        try
        {
            await Blocking(() => Directory.CreateDirectory(directory));
            return await Resolved(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TimeoutException)
        {
            throw new Fault.Misconfigured($"{who}: {option} {directory} can't be made ({e.Message}).").Thrown();
        }
    }

    /// <summary>The path without symbolic links, as the mount table knows it.</summary>
    static Task<string> Resolved(string directory) => Blocking(() =>
    {
        using var open = Libc.Open(directory, Libc.O_PATH | Libc.O_DIRECTORY);
        return new FileInfo($"/proc/self/fd/{open.DangerousGetHandle()}").LinkTarget ?? directory;
    });

    public static Task<T> Blocking<T>(Func<T> call) => Background.Blocking(call, Local, "mounts");

    // [2026-01-31 12:00:00.000000 +0000] E [MSGID: 1] [file.c:1:function] 0-name: words [{key=value}, …]
    static string? LastError(string logFile, long from)
    {
        try
        {
            using var file = new FileStream(logFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Position = Math.Max(Math.Min(from, file.Length), file.Length - LogTailBytes);
            var bytes = new byte[LogTailBytes];
            var text = Encoding.UTF8.GetString(bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
            var line = text.Split('\n').LastOrDefault(l => l.Contains("] E [", StringComparison.Ordinal) || l.Contains("] C [", StringComparison.Ordinal));
            var words = line?.IndexOf("] 0-", StringComparison.Ordinal) ?? -1;
            return words < 0 ? null : line![(words + 4)..].Trim();
        }
        catch (IOException) { return null; }
    }

    static string? LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
}

/// <summary>A Gluster FUSE client.</summary>
/// <param name="Ours">Mounted by us, now or before a restart: it writes the log that we gave it.</param>
internal sealed record Client(int Process, bool Ours);
