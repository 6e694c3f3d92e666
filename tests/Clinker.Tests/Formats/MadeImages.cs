using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Clinker.Formats;
using Clinker.Host;
using Xunit;

namespace Clinker.Tests.Formats;

/// <summary>Images that the real qemu-img made, and what it says of others.</summary>
public sealed class MadeImages : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-formats-").FullName;

    public string In(string name) => Path.Combine(folder, name);

    public static async Task<string> QemuImg(params string[] arguments)
    {
        var result = await Processes.Run("qemu-img", arguments, TimeSpan.FromSeconds(60));
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output;
    }

    /// <summary>An empty disk in an image.</summary>
    public async Task<byte[]> Make(string format, long bytes, string options = "")
    {
        var file = In(Path.GetRandomFileName());
        await QemuImg(["create", "-q", "-f", format, .. options.Length == 0 ? (string[])[] : ["-o", options], file, $"{bytes}"]);
        try { return await File.ReadAllBytesAsync(file); }
        finally { File.Delete(file); }
    }

    /// <summary>A VMDK image whose descriptor ends with its last sector; its parent stands in the next one.</summary>
    public async Task<byte[]> WithParentBehind(long bytes)
    {
        const int at = 512, length = 2 * 512, lengthAt = 36;
        var image = await Make("vmdk", bytes);
        var text = Encoding.ASCII.GetString(image.AsSpan(at, 20 * 512)).TrimEnd('\0');
        text = text.Insert(text.IndexOf('\n') + 1, $"#{new string(' ', length - 2 - text.Length)}\n") + "parentFileNameHint=\"/etc/passwd\"\n";
        Encoding.ASCII.GetBytes(text).CopyTo(image, at);
        image[lengthAt] = length / 512;
        return image;
    }

    /// <summary>With the checksums of its headers put right: of what has others QEMU reads nothing.</summary>
    public static byte[] Sealed(byte[] image)
    {
        const int regions = 192 * 1024, regionBytes = 64 * 1024;
        foreach (var at in (int[])[0, image.Length - 512])
            if (at >= 0 && at + 512 <= image.Length && image.AsSpan(at).StartsWith("conectix"u8)) Sum(image.AsSpan(at, 512), 64);
        if (image.Length >= 512 + 1024 && image.AsSpan(512).StartsWith("cxsparse"u8)) Sum(image.AsSpan(512, 1024), 36);
        if (image.Length >= regions + regionBytes && image.AsSpan().StartsWith("vhdxfile"u8))
        {
            var table = image.AsSpan(regions, regionBytes);
            table.Slice(4, 4).Clear();
            var crc = uint.MaxValue;
            foreach (var b in table) crc = BitOperations.Crc32C(crc, b);
            BinaryPrimitives.WriteUInt32LittleEndian(table[4..], ~crc);
        }
        return image;

        static void Sum(Span<byte> of, int at)
        {
            of.Slice(at, 4).Clear();
            uint sum = 0;
            foreach (var b in of) sum += b;
            BinaryPrimitives.WriteUInt32BigEndian(of[at..], ~sum);
        }
    }

    /// <summary>What qemu-img says of an image; null when it can't read it, wants too much for it, or says more than anybody would hear.</summary>
    /// <param name="format">Null: as what it takes it for.</param>
    public async Task<(JsonElement Says, string File)?> Info(byte[] image, string? format)
    {
        var file = In(Path.GetRandomFileName());
        await File.WriteAllBytesAsync(file, image);
        try
        {
            var result = await Processes.Run("prlimit",
                ["--cpu=10", $"--as={1L << 30}", "qemu-img", "info", "--output=json", .. format is null ? (string[])[] : ["-f", format], file],
                TimeSpan.FromSeconds(60));
            if (result.ExitCode != 0 || result.Output.Length == Processes.MaxOutputChars) return null;
            return (JsonDocument.Parse(result.Output).RootElement, file);
        }
        catch (TimeoutException) { return null; }
        finally { File.Delete(file); }
    }

    /// <summary>A look at an image, which never reads more than it should, nor where nothing is.</summary>
    public static DiskImage Look(byte[] image)
    {
        long read = 0;
        var found = DiskImage.Look(new(image.Length, (into, at) =>
        {
            Assert.InRange(at, 0, image.Length - into.Length);
            image.AsSpan((int)at, into.Length).CopyTo(into);
            read += into.Length;
            return into.Length;
        }));
        Assert.InRange(read, 0, DiskImage.MostRead);
        return found;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
