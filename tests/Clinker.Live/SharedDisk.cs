using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Gluster.Native;
using Clinker.Host;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Clinker.Live;

/// <summary>
/// A share as whoever mounts it sees it: which files a volume or snapshot consists of, and what is in them. Nothing of the product is asked;
/// <c>.info</c> and the images' headers are read here, and QEMU reads and writes what is in them.
/// </summary>
/// <param name="folder">Where it is mounted.</param>
/// <param name="scratch">For a disk at a time.</param>
sealed class SharedDisk(string folder, string scratch)
{
    public const int BlockBytes = 4096;
    static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    /// <summary>All names but those of GlusterFS itself.</summary>
    public IEnumerable<string> Names() =>
        Directory.EnumerateFileSystemEntries(folder).Select(p => Path.GetFileName(p)!).Where(n => n is not (".trashcan" or ".glusterfs"));

    /// <summary>The files of a volume, the topmost first.</summary>
    public List<string> OfVolume(string fileId) => Chain((string?)Info(fileId)?["active"] ?? $"volume-{fileId}");

    /// <summary>The files of a snapshot: one of its own, or what lies under the one that was made when it was taken.</summary>
    public List<string> OfSnapshot(string fileId, string snapshotId) =>
        (string?)Info(fileId)?[snapshotId] is { } overlay ? Chain(overlay)[1..] : Chain($"snapshot-{snapshotId}");

    /// <summary>The snapshots that a volume's .info names.</summary>
    public IEnumerable<string> Noted(string fileId) => (Info(fileId)?.AsObject() ?? []).Select(m => m.Key).Where(k => Guid.TryParse(k, out _));

    /// <summary>What stays since somebody may have it open (docs/adr/0010, "What was replaced"): files that were replaced, with those under them, and the notes of them.</summary>
    public IEnumerable<string> Replaced() =>
        from info in Names().Where(n => n.EndsWith(".info", StringComparison.Ordinal)).ToList()
        let old = (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, info)))!["clinker:replaced"]
        where old is not null && File.Exists(Path.Combine(folder, old))
        from name in Chain(old)
        from one in new[] { name, $"{name[..43]}.info" }
        where File.Exists(Path.Combine(folder, one))
        select one;

    /// <summary>The disk's bytes.</summary>
    public long Size(string name) => Header(name) is { } header ? header.Bytes : new FileInfo(Path.Combine(folder, name)).Length;

    /// <summary>As QEMU calls it.</summary>
    public string Format(string name) => Header(name) is null ? "raw" : "qcow2";

    JsonNode? Info(string fileId)
    {
        try { return JsonNode.Parse(File.ReadAllText(Path.Combine(folder, $"volume-{fileId}.info"))); }
        catch (FileNotFoundException) { return null; }
    }

    List<string> Chain(string top)
    {
        var names = new List<string>();
        for (var name = top; name is not null; name = Header(name)?.Under)
        {
            Assert.DoesNotContain(name, names);
            names.Add(name);
        }
        return names;
    }

    /// <summary>Null of a raw disk. QEMU: docs/interop/qcow2.txt.</summary>
    (long Bytes, string? Under)? Header(string name)
    {
        using var file = File.OpenHandle(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var head = new byte[32];
        if (RandomAccess.Read(file, head, 0) < head.Length || !head.AsSpan().StartsWith("QFI\xfb"u8[..3]) || head[3] != 0xfb) return null;
        var (at, length) = (BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(8)), BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(16)));
        var under = new byte[length];
        if (length > 0) RandomAccess.Read(file, under, at);
        return (BinaryPrimitives.ReadInt64BigEndian(head.AsSpan(24)), length > 0 ? Encoding.UTF8.GetString(under) : null);
    }

    /// <summary>
    /// Writes blocks, as the host does that has the disk attached; zeroes as such, and as is advised there: by discarding (docs/adr/0010, What a real QEMU
    /// showed).
    /// </summary>
    public async Task Write(string name, IEnumerable<(int Block, int Count, byte Value)> runs)
    {
        var path = Path.Combine(folder, name);
        if (Header(name) is null)
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            foreach (var (block, count, value) in runs)
            {
                var bytes = new byte[count * BlockBytes];
                Array.Fill(bytes, value);
                RandomAccess.Write(file, bytes, (long)block * BlockBytes);
            }
            RandomAccess.FlushToDisk(file);
            return;
        }
        var commands = runs.SelectMany(r => new[]
            { "-c", $"write {(r.Value == 0 ? "-z -u" : $"-P {r.Value}")} {(long)r.Block * BlockBytes} {r.Count * BlockBytes}" });
        await Run("qemu-io", ["-f", "qcow2", .. commands, "-c", "flush", path]);
    }

    /// <summary>What is in a disk, block by block; blocks of zeroes are left out.</summary>
    public async Task<ImmutableDictionary<int, byte>> Read(string name)
    {
        var found = ImmutableDictionary.CreateBuilder<int, byte>();
        await Blocks(Path.Combine(folder, name), Format(name), scratch, isInUse: false, (at, block) =>
        {
            if (!block.ContainsAnyExcept((byte)0)) return;
            Assert.False(block.ContainsAnyExcept(block[0]), $"{name}: rubbish at {at}");
            found[(int)(at / BlockBytes)] = block[0];
        });
        return found.ToImmutable();
    }

    public delegate void Block(long at, ReadOnlySpan<byte> bytes);

    /// <summary>Shows all blocks of a disk that may hold something.</summary>
    /// <param name="path">Of its topmost file.</param>
    /// <param name="scratch">A folder.</param>
    /// <param name="isInUse">Whether somebody may have its files open.</param>
    /// <returns>How many bytes it has.</returns>
    public static async Task<long> Blocks(string path, string format, string scratch, bool isInUse, Block each)
    {
        var flat = path;
        if (format != "raw") await Run("qemu-img", ["convert", .. isInUse ? ["-U"] : Array.Empty<string>(), "-f", format, "-O", "raw", path, flat = Path.Combine(scratch, "disk")]);
        long bytes;
        using (var file = File.OpenHandle(flat, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        {
            bytes = RandomAccess.GetLength(file);
            var buffer = new byte[64 * BlockBytes];
            for (var at = Data(file, 0); at >= 0; at = Data(file, at + buffer.Length))
            {
                at = at / BlockBytes * BlockBytes;
                var read = buffer.AsSpan(0, Libc.ReadAll(file, buffer, at));
                for (var i = 0; i < read.Length; i += BlockBytes) each(at + i, read[i..Math.Min(i + BlockBytes, read.Length)]);
            }
        }
        if (flat != path) File.Delete(flat);
        return bytes;

        // A sharded volume does not say what is a hole.
        static long Data(SafeFileHandle file, long at)
        {
            try { return Libc.NextData(file, at); }
            catch (ErrnoException e) when (e.Errno == Errno.EOPNOTSUPP) { return at < RandomAccess.GetLength(file) ? at : -1; }
        }
    }

    /// <summary>QEMU finds nothing broken in an image; one that was killed may have left room in it that nothing uses.</summary>
    public async Task IsSound(string name)
    {
        if (Header(name) is not null) await Run("qemu-img", ["check", "-q", "-f", "qcow2", Path.Combine(folder, name)], orElse: 3);
    }

    /// <summary>What the files take, in bytes.</summary>
    public async Task<long> Room() => 1024 * long.Parse((await Run("du", ["-sk", folder])).Split('\t')[0], CultureInfo.InvariantCulture);

    static async Task<string> Run(string program, IReadOnlyList<string> arguments, int orElse = 0)
    {
        var result = await Processes.Run(program, arguments, Deadline);
        Assert.True(result.ExitCode == 0 || result.ExitCode == orElse,
            $"{program} {string.Join(' ', arguments)}: {result.ExitCode} {result.Error}{result.Output}");
        return result.Output;
    }
}
