using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Attachments;

/// <summary>
/// Which attachment rows change. Whoever changes one keeps the volume's row first and lets it follow after
/// (<see cref="VolumeTable.FollowAttachments"/>), in the same transaction: so its status is never another one's.
/// </summary>
public readonly struct AttachmentTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, project_id, volume_id, server_id, host_name, device, mode, status, connector, "
        + "connection_info, attached_at, created_at, updated_at");

    public Task Insert(Attachment a) => tx.Execute($"""
        insert into attachment ({All}) values ({a.Id}, {a.ProjectId}, {a.VolumeId}, {a.ServerId}, {a.HostName}, {a.Device}, {a.Mode},
          {a.Status}, {a.Connector}, {a.ConnectionInfo}, {a.AttachedAt}, {a.CreatedAt}, {a.UpdatedAt})
        """);

    public Task<Attachment?> Find(string id) => tx.One<Attachment?>($"select {All} from attachment where id = {id}", Read);

    /// <exception cref="FaultException">Missing, in Cinder's words (VolumeAttachmentNotFound).</exception>
    public async Task<Attachment> Get(string id) => await Find(id) ?? throw Missing(id);

    public static FaultException Missing(string id) =>
        new Fault.Missing($"Volume attachment could not be found with filter: attachment_id = {id}.").Thrown();

    /// <summary>All of a volume, the oldest first.</summary>
    public Task<List<Attachment>> Of(string volumeId) =>
        tx.Query($"select {All} from attachment where volume_id = {volumeId} order by created_at, id", Read);

    /// <summary>As <see cref="All"/>, without what was said when it was connected: much, and nothing for lists.</summary>
    static readonly Sql Listed = Sql.Raw("id, project_id, volume_id, server_id, host_name, device, mode, status, null, null, "
        + "attached_at, created_at, updated_at");

    /// <summary>Those of several volumes that are really attached, the oldest first; without connector and connection.</summary>
    public async Task<List<Attachment>> AttachedOf(IReadOnlyCollection<string> volumeIds) => volumeIds.Count == 0 ? [] : await tx.Query($"""
        select {Listed} from attachment where volume_id in ({Sql.List(volumeIds)}) and status = 'attached' order by created_at, id
        """, Read);

    /// <summary>Whether a volume is connected to a host by another attachment than this one (null: by any).</summary>
    public async Task<bool> Connected(string volumeId, string host, string? otherThan) => 0 < await tx.Number($"""
        select count(*) from attachment where volume_id = {volumeId} and host_name = {host} and connection_info is not null
          and id <> {otherThan ?? ""}
        """);

    /// <summary>The servers that have a volume, or are about to.</summary>
    public async Task<List<string>> ServersOf(string volumeId) => [.. (await Of(volumeId)).Select(a => a.ServerId).OfType<string>().Distinct()];

    /// <summary>Whether any host has a volume: one that was connected, or that says of itself that it has it.</summary>
    public async Task<bool> Any(string volumeId) => 0 < await tx.Number($"""
        select count(*) from attachment where volume_id = {volumeId} and (connection_info is not null or attached_at is not null)
        """);

    /// <summary>Rewrites what changes of one.</summary>
    public Task Set(Attachment a) => tx.Execute($"""
        update attachment set host_name = {a.HostName}, device = {a.Device}, mode = {a.Mode}, status = {a.Status},
          connector = {a.Connector}, connection_info = {a.ConnectionInfo}, attached_at = {a.AttachedAt}, updated_at = {tx.Now}
        where id = {a.Id}
        """);

    public Task Remove(string id) => tx.Execute($"delete from attachment where id = {id}");

    /// <summary>Removes all of a volume.</summary>
    public Task RemoveOf(string volumeId) => tx.Execute($"delete from attachment where volume_id = {volumeId}");

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">Missing: the marker is no attachment.</exception>
    public async Task<List<Attachment>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "attachment", query, Missing);
        return await tx.Query($"select {All} from attachment{ListSql.Page(query, "attachment", tx.Dialect)}", Read);
    }

    static Attachment Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        ProjectId = r.GetString(1),
        VolumeId = r.GetString(2),
        ServerId = r.Text(3),
        HostName = r.Text(4),
        Device = r.Text(5),
        Mode = r.Text(6),
        Status = r.GetString(7),
        Connector = r.Text(8),
        ConnectionInfo = r.Text(9),
        AttachedAt = r.TimeOrNull(10),
        CreatedAt = r.Time(11),
        UpdatedAt = r.TimeOrNull(12),
    };
}
