using System.Data.Common;
using Clinker.Operations;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Transfers;

/// <summary>Which transfer rows change, and what else does with them: each verb is one transaction's part.</summary>
public readonly struct TransferTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, project_id, volume_id, name, salt, key_hash, no_snapshots, created_at");

    /// <summary>Offers a volume: it awaits its transfer from now on.</summary>
    /// <param name="mayBeEncrypted">Since 3.70: together with its snapshots.</param>
    /// <exception cref="FaultException">NotFound; Invalid: the volume or one of its snapshots is not available.</exception>
    public async Task Offer(Transfer transfer, bool mayBeEncrypted)
    {
        var volume = await tx.Volumes.Move(transfer.VolumeId, VolumeRules.OfferTransfer);
        // With another owner it would still be deleted with the group.
        if (volume.GroupId is not null) throw Fault.Invalid.Volume("transferring a volume that is part of a group is not supported").Thrown();
        if (volume.EncryptionKeyId is not null && !mayBeEncrypted)
            throw Fault.Invalid.Volume("transferring encrypted volume is not supported").Thrown();
        if (volume.EncryptionKeyId is not null && transfer.NoSnapshots)
            throw Fault.Invalid.Volume("transferring an encrypted volume without its snapshots is not supported").Thrown();
        if (!transfer.NoSnapshots) await GoingAlong(volume);
        await Forget(volume.Id); // of an earlier offer, where an admin reset the status since
        await tx.Execute($"""
            insert into transfer ({All}) values ({transfer.Id}, {volume.ProjectId}, {volume.Id}, {transfer.Name}, {transfer.Salt},
              {transfer.KeyHash}, {transfer.NoSnapshots}, {transfer.CreatedAt})
            """);
    }

    /// <summary>
    /// Gives the volume, and its donor's snapshots with it, to whoever has the key; both projects' quotas change along. Of two
    /// who come at once, one gets it and the other finds no transfer any more.
    /// </summary>
    /// <exception cref="FaultException">NotFound; Invalid: a wrong key, or the volume or a snapshot is not as it must be; OverQuota.</exception>
    public async Task<Transfer> Accept(string id, string key, string projectId, string userId, QuotaLimits configured)
    {
        var transfer = await Get(id, @lock: true);
        if (!transfer.Opens(key)) throw new Fault.Invalid($"Invalid auth key: Attempt to transfer {id} with invalid auth key.").Thrown();
        var volume = await tx.Volumes.Get(transfer.VolumeId, @lock: true);
        if (volume.GroupId is not null) throw Fault.Invalid.Volume($"Volume {volume.Id} must not be part of a consistency group.").Thrown();
        if (volume.Status != AwaitingTransfer)
            throw Fault.Invalid.Volume($"Transfer {id}: Volume id {volume.Id} expected in awaiting-transfer state.").Thrown();
        var snapshots = transfer.NoSnapshots ? [] : await GoingAlong(volume);

        var uses = snapshots.SelectMany(s => Uses.Of(s)).GroupBy(u => u.Resource, (resource, of) => new Use(resource, of.Sum(u => u.Amount))).ToList();
        await tx.Quotas.GiveBack(volume);
        await tx.Quotas.GiveBack(volume.ProjectId, uses);
        await tx.Quotas.Take(volume with { ProjectId = projectId }, configured);
        await tx.Quotas.Take(projectId, uses, configured);

        await tx.Execute($"""
            update volume set project_id = {projectId}, user_id = {userId}, status = {Available}, updated_at = {tx.Now} where id = {volume.Id}
            """);
        await tx.Execute($"""
            update snapshot set project_id = {projectId}, user_id = {userId}, updated_at = {tx.Now}
            where id in ({Sql.List(snapshots.Select(s => s.Id))})
            """);
        await Remove(id);
        return transfer;
    }

    /// <summary>Takes an offer back: the volume is available again.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public async Task Withdraw(string id)
    {
        var transfer = await Get(id, @lock: true);
        await tx.Execute($"""
            update volume set status = {Available}, updated_at = {tx.Now} where id = {transfer.VolumeId} and status = {AwaitingTransfer}
            """);
        await Remove(id);
    }

    /// <summary>Forgets the offer of a volume that goes.</summary>
    public Task Forget(string volumeId) => tx.Execute($"delete from transfer where volume_id = {volumeId}");

    /// <summary>The transfer, or null. With <paramref name="lock"/> it stays as it is until the transaction ends.</summary>
    public Task<Transfer?> Find(string id, bool @lock = false) =>
        tx.One<Transfer?>($"select {All} from transfer where id = {id}{(@lock ? tx.Dialect.ForUpdate : Sql.Nothing)}", Read);

    /// <exception cref="FaultException">NotFound.</exception>
    public async Task<Transfer> Get(string id, bool @lock = false) =>
        await Find(id, @lock) ?? throw new Fault.NotFound("Transfer", id).Thrown();

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no transfer.</exception>
    public async Task<List<Transfer>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "transfer", query, id => new Fault.NotFound("Transfer", id).Thrown());
        return await tx.Query($"select {All} from transfer{ListSql.Page(query, "transfer", tx.Dialect)}", Read);
    }

    /// <summary>What goes with a volume: its project's snapshots, kept as they are until the transaction ends.</summary>
    /// <exception cref="FaultException">Invalid: one is not available.</exception>
    async Task<List<Snapshot>> GoingAlong(Volume volume)
    {
        var own = new List<Snapshot>();
        foreach (var snapshot in await tx.Snapshots.Of(volume.Id))
            if (snapshot.ProjectId == volume.ProjectId && await tx.Snapshots.Find(snapshot.Id, @lock: true) is { } kept) own.Add(kept);
        return own.Find(s => s.Status != SnapshotStatus.Available) is { } busy
            ? throw new Fault.Invalid($"Invalid snapshot: snapshot: {busy.Id} status must be available").Thrown()
            : own;
    }

    Task Remove(string id) => tx.Execute($"delete from transfer where id = {id}");

    static Transfer Read(DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.Text(3), r.GetString(4), r.GetString(5), r.GetBoolean(6), r.Time(7));
}
