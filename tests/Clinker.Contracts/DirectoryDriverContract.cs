using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Contracts;

/// <summary>The contract on two temporary directories, raw and sparse as by default.</summary>
public class DirectoryDriverContract : DriverContract
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-contract-").FullName;

    protected string Root => root;
    protected virtual string Pools => root;
    protected virtual DirectoryOptions Options => new() { Paths = [Path.Combine(Pools, "a"), Path.Combine(Pools, "b")] };

    protected override ValueTask<Driver> Open() =>
        ValueTask.FromResult<Driver>(new DirectoryDriver("dir", Options, TimeProvider.System, NullLogger.Instance));

    protected override ValueTask Close()
    {
        Directory.Delete(root, recursive: true);
        return ValueTask.CompletedTask;
    }

    protected override ValueTask<string> HalfMake(string pool, string volumeId, long generation) =>
        Half(pool, $"volume-{volumeId}.g{generation}");

    protected override ValueTask<string> HalfTake(string pool, Snapshot snapshot, long generation) =>
        Half(pool, (Options.CloneMode == CloneMode.Thin ? $"volume-{snapshot.VolumeId}.{snapshot.Id}" : $"snapshot-{snapshot.Id}") + $".g{generation}");

    protected override ValueTask Write(string pool, string volumeId, string content) =>
        DiskContent.WriteVolume(pool, volumeId, Options.Format, content);

    protected override ValueTask<string> Read(string pool, string id) =>
        DiskContent.ReadAny(pool, id, Options.Format);

    protected override ValueTask Put(string pool, string name, int sizeGb, string content) =>
        DiskContent.Make(Path.Combine(pool, name), Options.Format, sizeGb, content);

    protected override async ValueTask<string?> Found(string pool, string name) =>
        File.Exists(Path.Combine(pool, name)) ? await DiskContent.Read(Path.Combine(pool, name), Options.Format) : null;

    protected override ValueTask<string?> WholeFile(string pool, string volumeId) => ValueTask.FromResult<string?>(DiskContent.WholeFile(pool, volumeId));

    static async ValueTask<string> Half(string pool, string name)
    {
        await File.WriteAllTextAsync(Path.Combine(pool, name), "half");
        return name;
    }

    protected override async ValueTask<long?> SizeOf(string pool, string volumeId) =>
        await DiskContent.SizeOf(pool, volumeId, Options.Format);
}

/// <summary>The contract where snapshots and clones stand on frozen files.</summary>
public sealed class ThinDirectoryDriverContract : DirectoryDriverContract
{
    protected override DirectoryOptions Options => base.Options with { CloneMode = CloneMode.Thin };
}

/// <summary>The same where volumes are qcow2 images themselves.</summary>
public sealed class ThinQcow2DirectoryDriverContract : Qcow2DirectoryDriverContract
{
    protected override DirectoryOptions Options => base.Options with { CloneMode = CloneMode.Thin };
}

/// <summary>The contract with all room taken beforehand.</summary>
public sealed class ThickDirectoryDriverContract : DirectoryDriverContract
{
    protected override DirectoryOptions Options => base.Options with { Provisioning = Provisioning.Thick };
}

/// <summary>The contract with qcow2 images, made by the real qemu-img.</summary>
public class Qcow2DirectoryDriverContract : DirectoryDriverContract
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

/// <summary>The contract with qcow2 images that take all their room beforehand.</summary>
public sealed class ThickQcow2DirectoryDriverContract : Qcow2DirectoryDriverContract
{
    protected override DirectoryOptions Options => base.Options with { Provisioning = Provisioning.Thick };
}
