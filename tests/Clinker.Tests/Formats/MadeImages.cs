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

    /// <summary>What qemu-img says of an image; null when it can't read it, wants too much for it, or says more than anybody would hear.</summary>
    /// <param name="format">Null: as what it takes it for.</param>
    public async Task<(JsonElement Says, string File)?> Info(byte[] image, string? format)
    {
        var file = In(Path.GetRandomFileName());
        await File.WriteAllBytesAsync(file, image);
        try
        {
            var result = await Processes.Run("prlimit",
                ["--cpu=10", $"--as={1L << 30}", "qemu-img", "info", "--output=json", .. format is null ? (string[])[] : ["-f", format], file], TimeSpan.FromSeconds(60));
            return result.ExitCode == 0 && result.Output.Length < Processes.MaxOutputChars ? (JsonDocument.Parse(result.Output).RootElement, file) : null;
        }
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
