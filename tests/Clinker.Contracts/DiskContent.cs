using System.Buffers.Binary;
using System.Text;
using Clinker.Formats;
using Clinker.Gluster;
using Clinker.Host;
using Xunit;

namespace Clinker.Contracts;

/// <summary>Writes and reads what a user would find on a volume's disk: at its begin, in its midst and near the end of its first GiB.</summary>
public static class DiskContent
{
    const int Room = 4096;
    static readonly long[] Places = [0, (300L << 20) + 123, (1L << 30) - Room];
    static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    /// <summary>Writes to a volume: to the file that a host is told of.</summary>
    /// <param name="format">Of volumes that are one file.</param>
    public static ValueTask WriteVolume(string directory, string volumeId, VolumeFormat format, string content)
    {
        var top = Top(directory, volumeId, format);
        return Write(Path.Combine(directory, top.Name), top.Format, content);
    }

    /// <summary>What is in a volume or snapshot.</summary>
    public static ValueTask<string> ReadAny(string directory, string id, VolumeFormat format)
    {
        if (File.Exists(Path.Combine(directory, $"snapshot-{id}"))) return Read(Path.Combine(directory, $"snapshot-{id}"), format);
        // A snapshot that is no file of its own: what its overlay stands on.
        var overlay = Directory.EnumerateFiles(directory, $"volume-*.{id}")
            .FirstOrDefault(f => File.Exists(f[..^37] + ".info") && File.ReadAllText(f[..^37] + ".info").Contains($"\"{id}\"", StringComparison.Ordinal));
        var top = overlay is null ? Top(directory, id, format) : Under(directory, Path.GetFileName(overlay));
        return Read(Path.Combine(directory, top.Name), top.Format);
    }

    public static ValueTask<long> SizeOf(string directory, string volumeId, VolumeFormat format)
    {
        var top = Top(directory, volumeId, format);
        return Size(Path.Combine(directory, top.Name), top.Format);
    }

    /// <summary>The format of the file that a volume consists of: one by itself, and no other.</summary>
    public static string WholeFile(string directory, string volumeId)
    {
        var path = Assert.Single(Directory.EnumerateFiles(directory, $"volume-{volumeId}*"));
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var header = Qcow2Header.Read(DiskBytes.Of(file));
        Assert.Null(header?.Backing);
        return header is null ? "raw" : "qcow2";
    }

    /// <summary>The file with which a volume begins.</summary>
    static DiskFile Top(string directory, string volumeId, VolumeFormat format)
    {
        var own = Path.Combine(directory, $"volume-{volumeId}");
        var info = File.Exists(own + ".info") ? System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(own + ".info")) : null;
        var name = (string?)info?["active"] ?? Path.GetFileName(own);
        return new(name, name != Path.GetFileName(own) || IsClone(own) ? VolumeFormat.Qcow2 : format);
    }

    static DiskFile Under(string directory, string overlay)
    {
        using var file = File.OpenHandle(Path.Combine(directory, overlay), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var header = Qcow2Header.Read(DiskBytes.Of(file))!;
        return new(header.Backing!, header.BackingFormat == "raw" ? VolumeFormat.Raw : VolumeFormat.Qcow2);
    }

    static bool IsClone(string path) => Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".*-*-*-*-*").Any(f => !f.EndsWith(".g1", StringComparison.Ordinal))
        && File.Exists(path) && IsOverlay(path);

    static bool IsOverlay(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Qcow2Header.Read(DiskBytes.Of(file)) is { Backing: not null };
    }

    public static async ValueTask Write(string path, VolumeFormat format, string content)
    {
        var bytes = new byte[Room];
        Encoding.UTF8.GetBytes(content, bytes);
        if (format == VolumeFormat.Raw)
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            foreach (var place in Places) await RandomAccess.WriteAsync(file, bytes, place);
            RandomAccess.FlushToDisk(file);
            return;
        }
        var source = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(source, bytes);
            await Run("qemu-io", ["-f", "qcow2", .. Places.SelectMany(p => new[] { "-c", $"write -s {source} {p} {Room}" }), "-c", "flush", path]);
        }
        finally { File.Delete(source); }
    }

    /// <exception cref="Xunit.Sdk.XunitException">It is not the same at all places.</exception>
    public static async ValueTask<string> Read(string path, VolumeFormat format)
    {
        if (format == VolumeFormat.Qcow2) await Run("qemu-img", ["check", "-q", "-f", "qcow2", path]);
        var found = new List<string>();
        foreach (var place in Places)
        {
            var bytes = format == VolumeFormat.Qcow2 ? await Image(path, place) : await Raw(path, place);
            found.Add(Encoding.UTF8.GetString(bytes).TrimEnd('\0'));
        }
        Assert.Single(found.Distinct());
        return found[0];
    }

    static async Task<byte[]> Raw(string path, long place)
    {
        var bytes = new byte[Room];
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Assert.Equal(Room, await RandomAccess.ReadAsync(file, bytes, place));
        return bytes;
    }

    static async Task<byte[]> Image(string path, long place)
    {
        var raw = Path.GetTempFileName();
        try
        {
            await Run("qemu-img", ["dd", "-f", "qcow2", "-O", "raw", $"bs={Room}", $"skip={place / Room}", $"count={place / Room + 2}", $"if={path}", $"of={raw}"]);
            return (await File.ReadAllBytesAsync(raw)).AsSpan((int)(place % Room), Room).ToArray();
        }
        finally { File.Delete(raw); }
    }

    /// <summary>A disk that somebody else has made; one that is there already goes.</summary>
    public static async ValueTask Make(string path, VolumeFormat format, int sizeGb, string content)
    {
        File.Delete(path);
        if (format == VolumeFormat.Qcow2) await Run("qemu-img", ["create", "-q", "-f", "qcow2", path, $"{sizeGb}G"]);
        else
        {
            using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
            RandomAccess.SetLength(file, sizeGb * (1L << 30));
        }
        await Write(path, format, content);
    }

    /// <summary>The size that a user sees, in bytes.</summary>
    public static async ValueTask<long> Size(string path, VolumeFormat format)
    {
        if (format == VolumeFormat.Raw) return new FileInfo(path).Length;
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var header = new byte[32]; // docs/interop/qcow2.txt: the size is at 24
        await RandomAccess.ReadAsync(file, header, 0);
        return BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(24));
    }

    static async Task Run(string program, IReadOnlyList<string> arguments)
    {
        var result = await Processes.Run(program, arguments, Deadline);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
    }
}
