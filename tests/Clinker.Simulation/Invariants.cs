using System.Text;
using Clinker.Backups;
using Clinker.Drivers.Memory;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Scheduling;
using Clinker.Snapshots;
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
        if (await world.NextDue() is not null) await world.RunUntilQuiet(); // files that were left are deleted anew
        await world.HoldCounts(what);
        if (await world.Db.Read(tx => tx.Number($"select count(*) from transfer where volume_id not in (select id from volume)")) is > 0 and var offers)
            Assert.Fail($"{what}: {offers} offers of volumes that are gone");
        var (volumes, snapshots, operations, holds, growing, left) = await world.Db.Read(async tx => (
            await tx.Query($"select coalesce(name_id, id), status, host, size_gb from volume", r => new Kept(
                r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetInt32(3))),
            await tx.Query($"select s.id, s.status, v.host, s.size_gb from snapshot s left join volume v on v.id = s.volume_id", r => new Kept(
                r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetInt32(3))),
            await tx.Operations.List(new()),
            await tx.Number($"select count(*) from hold"),
            await tx.Number($"select count(*) from volume where growing_to_gb is not null or retyping_to is not null"),
            (await tx.Query($"select volume_id, pool from reservation where left_by is not null", r => (Id: r.GetString(0), Pool: r.GetString(1)))).ToHashSet()));
        if (!operations.TrueForAll(o => o.Status is OperationStatus.Done or OperationStatus.Failed))
            Assert.Fail($"{what}: left under way: {string.Join(", ", operations.Select(o => $"{o.Kind} {o.Status} {o.Fault}"))}");
        if (holds != 0) Assert.Fail($"{what}: {holds} holds left");
        if (growing != 0) Assert.Fail($"{what}: {growing} volumes have the quota of a size that they do not grow to, or of a type that they do not get");
        if (world.FailsForGood is null && left.Count != 0) Assert.Fail($"{what}: left, and still there: {string.Join(", ", left)}");
        await world.HoldGroups(what);
        if (world.Images.Records.Values.FirstOrDefault(i => i.Status != Image.Active) is { } empty)
            Assert.Fail($"{what}: image {empty.Id} is left {empty.Status}");
        await world.HoldBackups(what);
        var connected = await world.Db.Read(tx => tx.Query(
            $"select distinct volume_id, host_name from attachment where connection_info is not null", r => (r.GetString(0), r.GetString(1))));
        if (!connected.ToHashSet().SetEquals(world.Shares.Exports.Keys))
            Assert.Fail($"{what}: attachments are connected to {string.Join(", ", connected)}, exports are {string.Join(", ", world.Shares.Exports.Keys)}");
        world.HoldContents(what);
        await world.HoldHelp(what);
        if (world.Shares.Litter.Any()) Assert.Fail($"{what}: litter left: {string.Join(", ", world.Shares.Litter)}");
        Hold(world, what, volumes, world.Shares.Volumes.Where(f => !left.Contains((f.VolumeId, world.HostOf(f.Pool)))).ToLookup(f => f.VolumeId, f => f.Pool), volume => volume.Status switch
        {
            VolumeStatus.Available or VolumeStatus.Reserved or VolumeStatus.Attaching or VolumeStatus.InUse or VolumeStatus.ErrorExtending or VolumeStatus.ErrorRestoring => Files.One,
            // Not undone to nothing where it failed while there was one already: being reverted.
            VolumeStatus.Error => volume.Host is null ? Files.None : Files.One,
            VolumeStatus.ErrorDeleting => Files.Any,
            VolumeStatus.ErrorManaging => Files.None,
            _ => null,
        });
        Hold(world, what, snapshots, world.Shares.Snapshots.ToLookup(f => f.SnapshotId, f => f.Pool), snapshot => snapshot.Status switch
        {
            SnapshotStatus.Available => Files.One,
            SnapshotStatus.Error => Files.None,
            SnapshotStatus.ErrorDeleting => Files.Any,
            _ => null,
        });
    }

    static string HostOf(this World world, string pool) => world.Pools.Single(p => PoolName.Parse(p).Pool == pool);

    /// <summary>
    /// Nobody asked twice, and what a virtual machine may still go over to is there; beside snapshots in error, or operations that have failed, only.
    /// A snapshot that did not end and was deleted while the volume was in use leaves it as long as the volume is there.
    /// </summary>
    static async Task HoldHelp(this World world, string what)
    {
        await world.Hypervisor.WorkLate();
        if (world.Hypervisor.Wrong is { } wrong) Assert.Fail($"{what}: {wrong}");
        foreach (var id in world.Shares.Coming)
            if ((await world.Db.Read(async tx => await tx.Snapshots.Find(id) ?? await Moment.Find(tx, id))) is var of && of is not { Status: SnapshotStatus.Error or SnapshotStatus.Deleted }
                && (of is not null || await world.Db.Read(tx => tx.Volumes.OfFile(world.Shares.ComingOf[id])) is null))
                Assert.Fail($"{what}: a file is left to go over to for snapshot {id}");
        foreach (var id in world.Shares.Going)
            if (await world.Db.Read(tx => tx.Volumes.OfFile(id)) is null) Assert.Fail($"{what}: a file is left of volume {id}, which is gone");
    }

    /// <summary>What must be true at any time: what was copied or replaced no host had meanwhile.</summary>
    public static void HoldContents(this World world, string what)
    {
        var files = world.Shares.Volumes.Select(v => v.VolumeId).Concat(world.Shares.Snapshots.Select(s => s.SnapshotId));
        if (files.FirstOrDefault(id => world.Shares.Find(id)!.Content == MemoryFile.Torn) is { } torn)
            Assert.Fail($"{what}: a host had the volume while {torn} got its content");
    }

    /// <summary>Volumes and snapshots belong to what is there; a whole group snapshot has only whole snapshots.</summary>
    static async Task HoldGroups(this World world, string what)
    {
        var wrong = await world.Db.Read(tx => tx.Query($"""
            select 'group ' || id || ' is ' || status from volume_group where status not in ('available', 'error')
            union all select 'group snapshot ' || id || ' is ' || status from group_snapshot where status not in ('available', 'error')
            union all select 'volume ' || id || ' without its group' from volume
            where group_id is not null and group_id not in (select id from volume_group)
            union all select 'snapshot ' || id || ' without its group snapshot' from snapshot
            where group_snapshot_id is not null and group_snapshot_id not in (select id from group_snapshot)
            union all select 'group snapshot ' || g.id || ' with one that is ' || s.status from group_snapshot g
            join snapshot s on s.group_snapshot_id = g.id where g.status = 'available' and s.status <> 'available'
            union all select 'group ' || g.id || ' with a volume that is ' || v.status from volume_group g
            join volume v on v.group_id = g.id where g.status = 'available' and v.status = 'deleting'
            """, r => r.GetString(0)));
        if (wrong.Count != 0) Assert.Fail($"{what}: {string.Join("; ", wrong)}");
    }

    /// <summary>A whole backup can be restored; of one that failed nothing is left; no object is of none.</summary>
    static async Task HoldBackups(this World world, string what)
    {
        var rows = (await world.Db.Read(tx => tx.Backups.List(new() { Limit = 1000 }))).Items;
        foreach (var row in rows)
        {
            var objects = world.Objects.All.Keys.Count(o => o.Contains($"/{row.Id}/", StringComparison.Ordinal));
            if (row.Status == BackupStatus.Available)
            {
                if (await world.ContentOf(row.Id) is null) Assert.Fail($"{what}: backup {row.Id} can't be restored");
                if (row.Service is null || row.FailReason is not null) Assert.Fail($"{what}: backup {row.Id} is whole and does not know it");
                if (!world.Imported.Contains(row.Id) && objects != row.ObjectCount + 1) Assert.Fail($"{what}: {objects} objects of {row.ObjectCount} and an index");
            }
            else if (row.Status == BackupStatus.Error)
            {
                if (objects != 0 && !world.Imported.Contains(row.Id)) Assert.Fail($"{what}: {objects} objects left of a backup that failed");
                if (row.Service is not null || row.FailReason is null) Assert.Fail($"{what}: backup {row.Id} has failed and does not know it");
            }
            else if (row.Status != BackupStatus.ErrorDeleting) Assert.Fail($"{what}: nobody works on it, but backup {row.Id} is {row.Status}");
        }
        foreach (var name in world.Objects.All.Keys)
        {
            if (name.Contains("/.", StringComparison.Ordinal)) Assert.Fail($"{what}: object under work left: {name}");
            if (!rows.Any(r => name.Contains($"/{r.Id}/", StringComparison.Ordinal))) Assert.Fail($"{what}: object of no backup: {name}");
        }
        foreach (var (name, times) in world.Objects.Published)
            if (times > 1 && !name.EndsWith("/index", StringComparison.Ordinal)) Assert.Fail($"{what}: object {name} was written {times} times");
    }

    /// <summary>What a backup gives when it is restored; null when that can't be done.</summary>
    public static async Task<string?> ContentOf(this World world, string id)
    {
        var row = await world.Db.Read(tx => tx.Backups.Get(id));
        var bytes = new MemoryStream();
        try
        {
            if (row.Status == BackupStatus.Error && row.IndexSha256 is null) return world.Imported.Contains(id) ? "old" : null;
            await BackupCopy.Restore(world.NewBackups(), await world.Db.Read(tx => tx.Backups.Chain(row)))((offset, piece) =>
            {
                bytes.Position = offset;
                bytes.Write(piece.Span);
                return ValueTask.CompletedTask;
            }, CancellationToken.None);
        }
        catch (FaultException) { return null; }
        return Encoding.Latin1.GetString(bytes.ToArray().AsSpan().TrimEnd((byte)0));
    }

    /// <param name="wanted">Which files a row must have; null: nothing may be left so.</param>
    static void Hold(World world, string what, List<Kept> rows, ILookup<string, string> files, Func<Kept, Files?> wanted)
    {
        foreach (var row in rows)
        {
            var pools = files[row.Id].ToList();
            switch (wanted(row))
            {
                case Files.One:
                    if (pools.Count != 1 || row.Host != world.HostOf(pools[0]))
                        Assert.Fail($"{what}: {row.Status} on {row.Host}, but its files are in {string.Join(", ", pools)}");
                    var size = world.Shares.Find(row.Id)!.SizeGb;
                    if (size != row.SizeGb && !(row.Status == VolumeStatus.ErrorExtending && size > row.SizeGb))
                        Assert.Fail($"{what}: {row.Status} and {row.SizeGb} GiB, but its file has {size}");
                    break;
                case Files.None:
                    if (pools.Count != 0) Assert.Fail($"{what}: in error, but not undone");
                    break;
                case null:
                    Assert.Fail($"{what}: nobody works on it, but it is {row.Status}");
                    break;
            }
        }
        foreach (var file in files)
            if (!rows.Exists(v => v.Id == file.Key))
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

    /// <param name="Id">That in its file's name.</param>
    /// <param name="Host">Where its file is to be: a snapshot's where its volume's is.</param>
    sealed record Kept(string Id, string Status, string? Host, int SizeGb);

    enum Files { None, One, Any }
}
