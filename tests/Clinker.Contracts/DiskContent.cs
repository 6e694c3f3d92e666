using System.Buffers.Binary;
using System.Text;
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
