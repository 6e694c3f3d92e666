using System.Diagnostics;
using System.Text;
using Clinker.Host;
using Xunit;

namespace Clinker.Contracts;

/// <summary>
/// What has a volume open as a virtual machine does: QEMU's own block layer with its locks, in a process that stays (<c>qemu-io</c>). What it has
/// written is remembered, by pieces.
/// </summary>
sealed class Guest : IAsyncDisposable
{
    public const int PieceBytes = 8192, Pieces = 4096;
    const string Prompt = "qemu-io> ";
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    readonly Process process;
    readonly SemaphoreSlim turn = new(1, 1);
    readonly Random random;
    bool isOff;

    Guest(Process process, string file, int seed)
    {
        this.process = process;
        File = file;
        random = new(seed);
    }

    /// <summary>The file that it writes to.</summary>
    public string File { get; private set; }

    /// <summary>What is in each piece to which it has written.</summary>
    public SortedDictionary<int, byte> Content { get; } = [];

    public static async Task<Guest> Boot(string path, string format, int seed = 1)
    {
        var start = new ProcessStartInfo("qemu-io")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var word in (string[])["-f", format, path]) start.ArgumentList.Add(word);
#pragma warning disable RS0030 // it lives longer than a tool
        var process = Process.Start(start)!;
#pragma warning restore RS0030
        var guest = new Guest(process, path, seed);
        await guest.Answer();
        return guest;
    }

    /// <summary>Writes one piece, at a place and with a byte that chance gives.</summary>
    public Task Write() => InTurn(async () =>
    {
        var (at, with) = (random.Next(Pieces), (byte)random.Next(1, 255));
        Assert.Contains("wrote", await Do($"write -P {with} {(long)at * PieceBytes} {PieceBytes}"), StringComparison.Ordinal);
        Content[at] = with;
    });

    /// <summary>
    /// Goes over to another image, which is to stand on the file that is open; what was in the volume at that moment. What is written to it
    /// after that is nothing that the other file has.
    /// </summary>
    public async Task<SortedDictionary<int, byte>> GoOver(string path)
    {
        SortedDictionary<int, byte> then = [];
        await InTurn(async () =>
        {
            await Do("flush");
            await Do("close");
            await Do($"open -o driver=qcow2 {path}");
            Assert.Contains("read", await Do("read 0 512"), StringComparison.Ordinal); // it is open
            File = path;
            then = new(Content);
        });
        return then;
    }

    /// <summary>
    /// Has one of the files under it put into the one that this stands on, as QEMU's block-commit does: the image above stands on that then, by
    /// its name. The guest knows nothing of it.
    /// </summary>
    public Task PutTogether(string name, string into) => InTurn(async () =>
    {
        var folder = Path.GetDirectoryName(File)!;
        await Do("flush");
        await Do("close");
        var above = "";
        for (var at = Path.GetFileName(File); above.Length == 0; at = await Under(at))
            if (await Under(at) == name) above = at;
        await Tool("commit", "-q", "-d", "-f", "qcow2", Path.Combine(folder, name));
        var format = await Said("info", "-f", "qcow2", Path.Combine(folder, name), "backing file format: ");
        await Tool("rebase", "-u", "-f", "qcow2", "-b", into, "-F", format, Path.Combine(folder, above));
        await Do($"open -o driver=qcow2 {File}");

        Task<string> Under(string image) => Said("info", "-f", "qcow2", Path.Combine(folder, image), "backing file: ");
    });

    /// <summary>
    /// Takes up all that the file which is open stands on into it, as QEMU's block-stream does: it stands on nothing then. The guest knows nothing of it.
    /// </summary>
    /// <param name="written">Whether what is new in it has come to the storage too, and not only that it stands on nothing.</param>
    public Task Pull(bool written = true) => InTurn(async () =>
    {
        await Do("flush");
        await Do("close");
        await Tool(["rebase", .. written ? Array.Empty<string>() : ["-u"], "-f", "qcow2", "-b", "", File]);
        await Do($"open -o driver=qcow2 {File}");
    });

    /// <summary>Makes the disk that it has open larger, as QEMU's block_resize does.</summary>
    public Task Resize(long bytes) => InTurn(async () => Assert.DoesNotContain("fail", await Do($"truncate {bytes}"), StringComparison.OrdinalIgnoreCase));

    /// <summary>Runs qemu-img.</summary>
    public static async Task<string> Tool(params string[] words)
    {
        var result = await Processes.Run("qemu-img", words, Patience);
        Assert.True(result.ExitCode == 0, $"qemu-img {string.Join(' ', words)}: {result.Error}");
        return result.Output;
    }

    /// <summary>What stands behind some words in what qemu-img says of a file.</summary>
    static async Task<string> Said(string verb, string option, string format, string path, string words) =>
        (await Tool(verb, option, format, path)).Split('\n').Single(l => l.StartsWith(words, StringComparison.Ordinal))[words.Length..].Split(' ')[0];

    /// <summary>All is as it has written it.</summary>
    public Task Check() => InTurn(async () =>
    {
        foreach (var (at, with) in Content)
            Assert.DoesNotContain("failed", await Do($"read -P {with} {(long)at * PieceBytes} {PieceBytes}"), StringComparison.Ordinal);
    });

    /// <summary>Whether a file and what it stands on holds this, read beside whoever has it open.</summary>
    public static async Task Holds(string path, string format, IReadOnlyDictionary<int, byte> content)
    {
        Assert.NotEmpty(content);
        var reads = Enumerable.Range(0, Pieces).Where(at => content.ContainsKey(at) || at % 97 == 0)
            .SelectMany(at => new[] { "-c", $"read -P {content.GetValueOrDefault(at)} {(long)at * PieceBytes} {PieceBytes}" });
        var result = await Processes.Run("qemu-io", ["-r", "-U", "-f", format, .. reads, path], Patience);
        var failed = result.Output.Split('\n').FirstOrDefault(l => l.Contains("failed", StringComparison.Ordinal));
        Assert.True(result.ExitCode == 0 && failed is null, $"{path}: {result.Error}{failed}");
    }

    async Task InTurn(Func<Task> act)
    {
        await turn.WaitAsync();
        try { await act(); }
        finally { turn.Release(); }
    }

    async Task<string> Do(string command)
    {
        await process.StandardInput.WriteLineAsync(command);
        await process.StandardInput.FlushAsync();
        return await Answer();
    }

    /// <summary>What it says until it asks for the next command.</summary>
    async Task<string> Answer()
    {
        var (said, one) = (new StringBuilder(), new char[1]);
        while (!said.ToString().EndsWith(Prompt, StringComparison.Ordinal))
        {
            var n = await process.StandardOutput.ReadAsync(one).AsTask().WaitAsync(Patience);
            if (n == 0) Assert.Fail($"qemu-io has ended: {said}{await process.StandardError.ReadToEndAsync()}");
            said.Append(one);
        }
        return said.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (isOff) return;
        isOff = true;
        process.StandardInput.Close();
        try { await process.WaitForExitAsync().WaitAsync(Patience); }
        finally
        {
            process.Dispose();
            turn.Dispose();
        }
    }
}
