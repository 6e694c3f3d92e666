using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Simulation;

/// <summary>What rows, counters and files must say of each other.</summary>
static class Invariants
{
    /// <summary>What must be true when nothing is under way and nothing is stuck.</summary>
    public static async Task Hold(this World world, string what)
    {
        await world.Sweep();
        await world.HoldCounts(what);
        var (volumes, operations, holds) = await world.Db.Read(async tx => (
            await tx.Query($"select id, status, host from volume", r => (Id: r.GetString(0), Status: r.GetString(1), Host: r.IsDBNull(2) ? null : r.GetString(2))),
            await tx.Operations.List(null, null, 1000),
            await tx.Number($"select count(*) from hold")));
        if (!operations.TrueForAll(o => o.Status is OperationStatus.Done or OperationStatus.Failed))
            Assert.Fail($"{what}: left under way: {string.Join(", ", operations.Select(o => $"{o.Kind} {o.Status} {o.Fault}"))}");
        if (holds != 0) Assert.Fail($"{what}: {holds} holds left");
        if (world.Shares.Litter.Any()) Assert.Fail($"{what}: litter left: {string.Join(", ", world.Shares.Litter)}");
        var files = world.Shares.Volumes.ToLookup(f => f.VolumeId, f => f.Pool);
        foreach (var volume in volumes)
        {
            var pools = files[volume.Id].ToList();
            switch (volume.Status)
            {
                case VolumeStatus.Available or VolumeStatus.Reserved or VolumeStatus.Attaching or VolumeStatus.InUse:
                    if (pools.Count != 1 || volume.Host != $"{World.Queue}#{pools[0]}")
                        Assert.Fail($"{what}: {volume.Status} on {volume.Host}, but its files are in {string.Join(", ", pools)}");
                    break;
                case VolumeStatus.Error:
                    if (pools.Count != 0 || volume.Host is not null) Assert.Fail($"{what}: in error, but not undone");
                    break;
                case VolumeStatus.ErrorDeleting:
                    break;
                default:
                    Assert.Fail($"{what}: nobody works on it, but it is {volume.Status}");
                    break;
            }
        }
        var connected = await world.Db.Read(tx => tx.Query(
            $"select distinct volume_id, host_name from attachment where connection_info is not null", r => (r.GetString(0), r.GetString(1))));
        if (!connected.ToHashSet().SetEquals(world.Shares.Exports.Keys))
            Assert.Fail($"{what}: attachments are connected to {string.Join(", ", connected)}, exports are {string.Join(", ", world.Shares.Exports.Keys)}");
        foreach (var file in files)
            if (!volumes.Exists(v => v.Id == file.Key))
                Assert.Fail($"{what}: file of {file.Key} in {string.Join(", ", file)} without a row");
    }

    /// <summary>What must be true at any time: the statuses of volumes say what their attachments say.</summary>
    static async Task HoldUses(this World world, string what)
    {
        var (uses, orphans) = await world.Db.Read(async tx => (
            await tx.Query($"""
                select id, status, attach_status, coalesce((select min(a.status) from attachment a where a.volume_id = volume.id), 'detached')
                from volume
                """, r => (Id: r.GetString(0), Status: r.GetString(1), AttachStatus: r.GetString(2), Use: r.GetString(3))),
            await tx.Number($"select count(*) from attachment where volume_id not in (select id from volume)")));
        if (orphans != 0) Assert.Fail($"{what}: {orphans} attachments without a volume");
        foreach (var (id, status, attachStatus, use) in uses)
        {
            var expected = use switch { AttachStatus.Attached => VolumeStatus.InUse, AttachStatus.Detached => VolumeStatus.Available, _ => use };
            var follows = status is VolumeStatus.Available or VolumeStatus.Reserved or VolumeStatus.Attaching or VolumeStatus.InUse or VolumeStatus.Detaching;
            if (attachStatus != use || (follows && status != expected)) Assert.Fail($"{what}: {id} is {status}, {attachStatus}, but its attachments say {use}");
        }
    }

    /// <summary>What must be true at any time: counters say what the rows say.</summary>
    public static async Task HoldCounts(this World world, string what)
    {
        var (quota, pools) = await world.Db.Read(async tx => (await tx.Quotas.Recount(), await tx.Pools.Recount()));
        if (quota.Count != 0) Assert.Fail($"{what}: {string.Join("; ", quota)}");
        if (pools.Count != 0) Assert.Fail($"{what}: {string.Join("; ", pools)}");
        await world.HoldUses(what);
    }
}
