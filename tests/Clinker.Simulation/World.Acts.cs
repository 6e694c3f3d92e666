using Clinker.Attachments;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Simulation;

/// <summary>What users ask for, accepted as the API accepts it.</summary>
sealed partial class World
{
    public Task<Snapshot> Snapshot(Volume volume, QuotaLimits? limits = null, Rule? rule = null)
    {
        Later();
        return Db.Commit(tx => CreateSnapshot.Accept(
            tx, NewSnapshot(tx, volume), rule ?? VolumeRules.Snapshot, limits ?? QuotaLimits.None, ids.New(), "req-3"));
    }

    public Task Delete(Snapshot snapshot, bool force = false)
    {
        Later();
        return Db.Commit(tx => DeleteSnapshot.Accept(
            tx, snapshot.Id, force ? SnapshotRules.ForceDelete : SnapshotRules.Delete, ids.New(), "req-4"));
    }

    public Task DeleteWithSnapshots(Volume volume)
    {
        Later();
        return Db.Commit(tx => DeleteVolume.AcceptCascade(
            tx, volume.Id, VolumeRules.DeleteCascade, SnapshotRules.DeleteWithVolume, others: true, ids.New(), "req-2"));
    }

    public Task Extend(Volume volume, int toGb, QuotaLimits? limits = null, Rule? rule = null)
    {
        Later();
        return Db.Commit(tx => ExtendVolume.Accept(
            tx, volume.Id, toGb, rule ?? VolumeRules.Extend, limits ?? QuotaLimits.None, ids.New(), "req-5"));
    }

    /// <summary>A host asks for a volume without an attachment, as os-initialize_connection does.</summary>
    public Task ConnectUnreserved(Volume volume)
    {
        Later();
        var operation = ids.New();
        return Db.Commit(async tx => await ConnectVolume.Accept(tx, await tx.Volumes.Get(volume.Id, @lock: true), null,
            new("h1", """{"host":"h1"}"""), isNew: false, operation, "req-7"));
    }

    /// <summary>An admin sends it to a pool or a backend.</summary>
    public Task Migrate(Volume volume, string to, bool locks = false)
    {
        Later();
        return Db.Commit(tx => MigrateVolume.Accept(tx, volume.Id, to, locks, ids.New(), ids.New(), "req-11"));
    }

    public Task Retype(Volume volume, VolumeType type, bool mayMove = true, QuotaLimits? limits = null)
    {
        Later();
        return Db.Commit(tx => RetypeVolume.Accept(
            tx, volume.Id, type, mayMove, limits ?? QuotaLimits.None, ids.New(), ids.New(), "req-12"));
    }

    /// <summary>A new type; with a pool's name: only for that one.</summary>
    public Task<VolumeType> Type(string name, string? pool = null) => TypeWith(name, "pool_name", pool);

    /// <summary>A new type; with a value: of that extra spec.</summary>
    public Task<VolumeType> TypeWith(string name, string spec, string? value) => Db.Commit(tx => tx.Types.Insert(new()
    {
        Id = name,
        Name = name,
        ExtraSpecs = value is null ? Clinker.Volumes.Volume.EmptyMetadata : new Dictionary<string, string> { [spec] = value },
        CreatedAt = tx.Now,
    }));

    /// <summary>Another pool than the one where it lies.</summary>
    public async Task<string> PoolBeside(Volume volume)
    {
        var lies = (await Db.Read(tx => tx.Volumes.Get(volume.Id))).Host;
        return Pools.Last(p => p != lies);
    }

    public Task Revert(Volume volume, Snapshot to)
    {
        Later();
        return Db.Commit(tx => RevertVolume.Accept(tx, volume.Id, to.Id, earlier: true, ids.New(), "req-6"));
    }

    public Task Flatten(Volume volume)
    {
        Later();
        return Db.Commit(tx => FlattenVolume.Accept(tx, volume.Id, ids.New(), "req-6"));
    }

    /// <summary>A volume that nobody has is put in order, as the backend finds that it should be; false when that is not begun.</summary>
    public Task<bool> Tidy(Volume volume, long bytes = 0)
    {
        Later();
        var what = Shares.Untidy[volume.Id] = new(volume.Id, 3, Flattens: true, bytes);
        return Db.Commit(tx => TidyVolume.TryAccept(tx, what, Queue, ids.New()));
    }

    /// <summary>Makes a volume of a file in the first pool.</summary>
    public Task Manage(string name, QuotaLimits? limits = null)
    {
        Later();
        return Db.Commit(tx => ManageVolume.Accept(
            tx, NewVolume(tx, sizeGb: 0) with { Status = VolumeStatus.Managing, Host = FirstPool }, name, limits ?? QuotaLimits.None, ids.New(), "req-8"));
    }

    /// <summary>Makes a snapshot of a file in its volume's pool.</summary>
    public Task Manage(string name, Volume volume)
    {
        Later();
        return Db.Commit(tx => ManageSnapshot.Accept(tx, NewSnapshot(tx, volume), name, QuotaLimits.None, ids.New(), "req-9"));
    }

    /// <summary>Asks what lies in the first pool; the operation's id.</summary>
    public async Task<string> ListManageable()
    {
        Later();
        var operation = ids.New();
        await Db.Commit(tx => Managing.ListManageable.Accept(
            tx, new(FirstPool, "volume", [new(BySize: true, Descending: false)], 100, 0, null), "p", operation, "req-10"));
        return operation;
    }

    /// <summary>Compares what lies in the first pool with the rows, and repairs what is certain; the operation's id.</summary>
    public async Task<string> CheckShare()
    {
        Later();
        var operation = ids.New();
        await Db.Commit(tx => Managing.CheckShare.Accept(tx, new(FirstPool, Repair: true), "p", operation, "req-11"));
        return operation;
    }

    string FirstPool => $"{Queue}#{Shares.Pools[0]}";

    /// <summary>
    /// How all volumes, all snapshots, all groups, all group snapshots and all backups are, each the oldest first: status, size and what is
    /// written in them, as <c>available 1 old; available 1 old; group available</c>; of a volume with a type, or that was to be moved,
    /// that too: <c>available 1 old of t success</c>; then the files that are nothing of these, what snapshots left apart, and the images that
    /// were made.
    /// </summary>
    public async Task<string> Outcome()
    {
        var rows = await Db.Read(tx => tx.Query($"""
            select id, status, size_gb, created_at, 0, coalesce(name_id, id),
              coalesce(' of ' || volume_type_id, '') || coalesce(' ' || migration_status, '') || coalesce(' ' || nullif(format, 'raw'), '') from volume
            union all select id, status, size_gb, created_at, 1, id, '' from snapshot
            union all select id, 'group ' || status, 0, created_at, 2, '', '' from volume_group
            union all select id, 'group snapshot ' || status, 0, created_at, 3, '', '' from group_snapshot
            union all select id, 'backup ' || status, 0, created_at, 4, '', '' from backup order by 5, 4, 1
            """, r => (Id: r.GetString(0), Status: r.GetString(1), Size: r.GetInt32(2), Kind: r.GetInt32(4), File: r.GetString(5), More: r.GetString(6))));
        var all = new List<string>();
        foreach (var row in rows)
            all.Add(row.Kind switch
            {
                4 => $"{row.Status} {await this.ContentOf(row.Id)}".TrimEnd(),
                > 1 => row.Status,
                _ => $"{row.Status} {row.Size} {Shares.Find(row.File)?.Content}".TrimEnd() + row.More,
            });
        all.AddRange(Shares.Others.Select(f => $"file {f.File} {Shares.Get(f.Pool, f.File)!.Content}".TrimEnd()));
        all.AddRange(Shares.Going.Select(_ => "a file more"));
        all.AddRange(Shares.StandsOnOthers.Select(_ => "not flat"));
        all.AddRange(ImagesMade());
        return string.Join("; ", all);
    }

    /// <summary>How many operations of each kind ended how.</summary>
    public async Task<string> Ended() => string.Join(", ", await Db.Read(tx => tx.Query(
        $"select kind, status, count(*) from operation group by kind, status order by kind, status", r => $"{r.GetInt64(2)} {r.GetString(0)} {r.GetString(1)}")));

    Snapshot NewSnapshot(Tx tx, Volume volume) => new()
    {
        Id = ids.New(),
        ProjectId = "p",
        UserId = "u",
        VolumeId = volume.Id,
        SizeGb = volume.SizeGb,
        Status = SnapshotStatus.Creating,
        Progress = "0%",
        CreatedAt = tx.Now,
    };

    /// <summary>What is accepted next is the newer one.</summary>
    void Later() => Time.Advance(TimeSpan.FromMilliseconds(1));
}
