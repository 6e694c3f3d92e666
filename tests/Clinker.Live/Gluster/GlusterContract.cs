using Clinker.Contracts;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Live.Gluster;

public sealed class TwoShares : IAsyncLifetime
{
    public Node Node { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Node = await Node.Up();
        await Node.Do("add", "vol2");
    }

    /// <summary>Where a driver mounts a share.</summary>
    public string MountOf(string share) => Layout.MountPoint(Base, share);

    public string Base => Path.Combine(Node.Root, "mnt");

    /// <param name="lines">Of the shares file; none: the first share.</param>
    public async Task<Driver> Open(Func<GlusterOptions, GlusterOptions>? with = null, params string[] lines)
    {
        var file = Path.Combine(Node.Root, "shares.conf");
        await File.WriteAllLinesAsync(file, lines is [] ? [Node.Share("vol1")] : lines);
        var options = new GlusterOptions { SharesConfig = file, MountPointBase = Base, ClientLogDirectory = Node.Root };
        return new GlusterDriver("gluster", with?.Invoke(options) ?? options, TimeProvider.System, NullLogger.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        if (Node is not null) await Node.DisposeAsync();
    }
}

/// <summary>The contract of drivers on a real GlusterFS.</summary>
[Collection("GlusterFS")] // one at a time: they share the machine's FUSE and its two cores
public class GlusterContract(TwoShares shares) : DriverContract, IClassFixture<TwoShares>
{
    string Base => shares.Base;

    protected virtual VolumeFormat Format => VolumeFormat.Raw;
    protected virtual Provisioning Provisioning => Provisioning.Thin;
    /// <summary>How the first share's Gluster volume is made up, a word of <c>gluster-node add</c>; null: one brick. With others it takes several times as long.</summary>
    static readonly string? Kind = Environment.GetEnvironmentVariable("KIND");

    protected override async ValueTask<Driver> Open()
    {
        if (Kind is not null) await shares.Node.Do("add", Kind, Kind);
        return await shares.Open(o => o with { Format = Format, Provisioning = Provisioning },
            "# two shares", shares.Node.Share(Kind ?? "vol1"), $"{shares.Node.Address}:vol2 -o log-level=WARNING");
    }

    protected override ValueTask Close()
    {
        foreach (var directory in Directory.EnumerateDirectories(Base))
            foreach (var file in Directory.EnumerateFiles(directory)) File.Delete(file);
        return ValueTask.CompletedTask;
    }

    string PathOf(string pool, string name) => Path.Combine(Layout.MountPoint(Base, pool), name);

    protected override ValueTask<string> HalfMake(string pool, string volumeId, long generation) =>
        Half(pool, $"volume-{volumeId}.g{generation}");

    protected override ValueTask<string> HalfTake(string pool, Snapshot snapshot, long generation) =>
        Half(pool, (Provisioning == Provisioning.Thin ? $"volume-{snapshot.VolumeId}.{snapshot.Id}" : $"snapshot-{snapshot.Id}") + $".g{generation}");

    protected override ValueTask Put(string pool, string name, int sizeGb, string content) =>
        DiskContent.Make(PathOf(pool, name), Format, sizeGb, content);

    protected override async ValueTask<string?> Found(string pool, string name) =>
        File.Exists(PathOf(pool, name)) ? await DiskContent.Read(PathOf(pool, name), Format) : null;

    protected override ValueTask<string?> WholeFile(string pool, string volumeId) =>
        ValueTask.FromResult<string?>(DiskContent.WholeFile(Layout.MountPoint(Base, pool), volumeId));

    async ValueTask<string> Half(string pool, string name)
    {
        await File.WriteAllTextAsync(PathOf(pool, name), "half");
        return name;
    }

    protected override ValueTask Write(string pool, string volumeId, string content) =>
        DiskContent.WriteVolume(Layout.MountPoint(Base, pool), volumeId, Format, content);

    protected override ValueTask<string> Read(string pool, string id) =>
        DiskContent.ReadAny(Layout.MountPoint(Base, pool), id, Format);

    protected override async ValueTask<long?> SizeOf(string pool, string volumeId) =>
        await DiskContent.SizeOf(Layout.MountPoint(Base, pool), volumeId, Format);
}

/// <summary>The contract with qcow2 images, as <c>glusterfs_qcow2_volumes</c> makes them.</summary>
[Collection("GlusterFS")]
public class Qcow2GlusterContract(TwoShares shares) : GlusterContract(shares)
{
    protected override VolumeFormat Format => VolumeFormat.Qcow2;
}

/// <summary>
/// Volumes all of whose room is taken beforehand, where qemu-img's ways to take it are most in doubt: what of the contract is about contents.
/// All of it, on a local disk, takes a tenth of the time.
/// </summary>
[Collection("GlusterFS")]
public sealed class ThickQcow2(TwoShares shares) : IClassFixture<TwoShares>
{
    sealed class Contract(TwoShares shares) : Qcow2GlusterContract(shares)
    {
        protected override Provisioning Provisioning => Provisioning.Thick;
    }

    [Theory]
    [InlineData(nameof(DriverContract.A_volume_filled_with_anothers_content_has_it_and_its_own_size))]
    [InlineData(nameof(DriverContract.A_volume_filled_anew_has_all_of_the_new_and_its_size))]
    [InlineData(nameof(DriverContract.Extending_keeps_the_content_may_be_repeated_and_never_makes_smaller))]
    [InlineData(nameof(DriverContract.A_snapshot_holds_what_was_there_when_it_was_taken))]
    [InlineData(nameof(DriverContract.Reverting_brings_the_content_back_and_may_be_repeated))]
    [InlineData(nameof(DriverContract.A_copy_has_the_content_its_own_size_and_a_life_of_its_own), true, 3)]
    public async Task They_keep_the_contract(string what, params object[] arguments)
    {
        var contract = new Contract(shares);
        await contract.InitializeAsync();
        try { await (Task)typeof(DriverContract).GetMethod(what)!.Invoke(contract, arguments)!; }
        finally { await contract.DisposeAsync(); }
    }
}
