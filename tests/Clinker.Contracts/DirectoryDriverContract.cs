using System.Buffers.Binary;
using Clinker.Drivers;
using Clinker.Gluster;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Contracts;

/// <summary>The contract on two temporary directories, raw and sparse as by default.</summary>
public class DirectoryDriverContract : DriverContract
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-contract-").FullName;

    protected virtual DirectoryOptions Options => new() { Paths = [Path.Combine(root, "a"), Path.Combine(root, "b")] };

    protected override ValueTask<Driver> Open() =>
        ValueTask.FromResult<Driver>(new DirectoryDriver("dir", Options, TimeProvider.System, NullLogger.Instance));

    protected override ValueTask Close()
    {
        Directory.Delete(root, recursive: true);
        return ValueTask.CompletedTask;
    }

    protected override async ValueTask<string> HalfMake(string pool, string volumeId, long generation)
    {
        var name = $"volume-{volumeId}.g{generation}";
        await File.WriteAllTextAsync(Path.Combine(pool, name), "half");
        return name;
    }

    protected override async ValueTask<long?> SizeOf(string pool, string volumeId)
    {
        var path = Path.Combine(pool, $"volume-{volumeId}");
        if (Options.Format == VolumeFormat.Raw) return new FileInfo(path).Length;
        using var file = File.OpenHandle(path);
        var header = new byte[32]; // docs/interop/qcow2.txt: the size is at 24
        await RandomAccess.ReadAsync(file, header, 0);
        return BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(24));
    }
}

/// <summary>The contract with qcow2 images, made by the real qemu-img.</summary>
public sealed class Qcow2DirectoryDriverContract : DirectoryDriverContract
{
    protected override DirectoryOptions Options => base.Options with { Format = VolumeFormat.Qcow2 };

    protected override async ValueTask<Driver> Open()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, "qemu-img")));
        if (!found && Environment.GetEnvironmentVariable("CI") != "true")
        {
            await Close();
            Assert.Skip("qemu-img is not there: install qemu-utils");
        }
        return await base.Open();
    }
}
