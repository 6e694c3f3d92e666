using Clinker.Attachments;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Volumes in use by servers (cinder/api/v3/attachments.py).</summary>
static class Attachments
{
    static readonly Filterable Filterable = new("attachment",
        new("id", "id"),
        new("volume_id", "volume_id"),
        new("instance_id", "server_id"),
        new("instance_uuid", "server_id"),
        new("status", "status"),
        new("attach_status", "status"),
        new("attach_mode", "mode"),
        new("attached_host", "host_name"),
        new("mountpoint", "device"),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    public static void Map(RouteTable api)
    {
        api.Get("attachment_list", "/attachments", List, since: 27, query: Parameters.List(Filterable));
        api.Get("attachment_list_detail", "/attachments/detail", Detail, since: 27, query: Parameters.List(Filterable));
        api.Post("attachment_create", "/attachments", AttachmentCreate.Form, Create, rule: Row("volume:attachment_create"), since: 27,
            success: 200);
        api.Get("attachment_show", "/attachments/{id}", Show, since: 27);
        api.Put("attachment_update", "/attachments/{id}", AttachmentForms.Update, Update, rule: Row("volume:attachment_update"), since: 27);
        api.Delete("attachment_delete", "/attachments/{id}", Delete, rule: Row("volume:attachment_delete"), since: 27);
        api.Action("attachment_complete", "/attachments/{id}", "os-complete", Complete, rule: Row("volume:attachment_complete"), since: 44,
            success: 204);
    }

    /// <summary>The attachment, if the caller may know that it exists, with its volume's row kept when it is to change.</summary>
    /// <exception cref="FaultException">Missing.</exception>
    public static async Task<(Attachment Attachment, Volume Volume)> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var found = await tx.Attachments.Get(id);
        if (!call.IsAdmin && found.ProjectId != call.Caller.ProjectId) throw AttachmentTable.Missing(id);
        var volume = await tx.Volumes.Get(found.VolumeId, @lock);
        return (@lock ? await tx.Attachments.Get(id) : found, volume); // until the volume was locked it may have changed, or gone
    }

    /// <summary>Refuses to take from a server what the compute service would go on using (CVE-2023-2088).</summary>
    /// <exception cref="FaultException">Conflict.</exception>
    public static async Task DemandUnused(Call call, Attachment? attachment)
    {
        if (call.Caller.FromService || attachment is not { ServerId: { } server, IsConnected: true }) return;
        if (await call.Settings.ServerUses(attachment))
            throw new Fault.Conflict($"Detach volume from instance {server} using the Compute API").Thrown();
    }

    static async Task<Page<AttachmentBrief>> List(Call call)
    {
        var (found, next) = await Found(call, "attachments");
        return new(found.Select(a => new AttachmentBrief(a)), next);
    }

    static async Task<Page<AttachmentShape>> Detail(Call call)
    {
        var (found, next) = await Found(call, "attachments/detail");
        return new(found.Select(a => new AttachmentShape(a)), next);
    }

    static async Task<(List<Attachment>, string? Next)> Found(Call call, string collection)
    {
        var query = ListFilters.Read(call, Filterable);
        var found = await call.Db.Read(tx => tx.Attachments.List(query));
        return (found, found.Count > 0 && found.Count >= query.Limit ? call.Links.Next(call, collection, found[^1].Id) : null);
    }

    static async Task<AttachmentShape> Show(Call call, string id) =>
        new((await call.Db.Read(tx => Visible(tx, call, id))).Attachment);

    static async Task<AttachmentShape> Create(Call call, AttachmentCreate want)
    {
        var (id, operation) = (call.Ids.New(), call.Ids.New());
        await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, want.VolumeId, @lock: true);
            call.Demand("volume:attachment_create", volume.ProjectId, volume.UserId);
            if (volume is { Multiattach: true, Bootable: true, Status: VolumeStatus.InUse })
                call.Demand("volume:multiattach_bootable_volume", volume.ProjectId, volume.UserId);
            var attachment = want.ToAttachment(id, volume.ProjectId, tx.Now);
            await Attaching.Reserve(tx, volume, attachment);
            if (want.Connector is { } connector)
                await ConnectVolume.Accept(tx, volume, attachment, connector, isNew: true, operation, call.RequestId);
        });
        if (want.Connector is not null) await call.EndOf(operation);
        return new(await call.Db.Read(tx => tx.Attachments.Get(id)));
    }

    static async Task<AttachmentShape> Update(Call call, string id, Drivers.Connector connector)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var (attachment, volume) = await Visible(tx, call, id, @lock: true);
            call.Demand("volume:attachment_update", attachment.ProjectId);
            if (volume.Status.Contains("error", StringComparison.Ordinal))
                throw new Fault.Conflict("Resource conflict: Volume attachments can not be updated if the volume is in an error state. The "
                    + $"Volume {volume.Id} currently has a status of: {volume.Status} ").Thrown();
            await ConnectVolume.DemandAlone(tx, volume);
            await ConnectVolume.Accept(tx, volume, attachment, connector, isNew: false, operation, call.RequestId);
        });
        await call.EndOf(operation);
        return new(await call.Db.Read(tx => tx.Attachments.Get(id)));
    }

    static async Task<Page<AttachmentBrief>> Delete(Call call, string id)
    {
        var operation = call.Ids.New();
        var seen = await call.Db.Read(tx => Visible(tx, call, id));
        call.Demand("volume:attachment_delete", seen.Attachment.ProjectId);
        await DemandUnused(call, seen.Attachment);
        var done = await call.Db.Commit(async tx =>
        {
            var (attachment, volume) = await Visible(tx, call, id, @lock: true);
            return await DetachVolume.Accept(tx, volume, attachment, connector: null, operation, call.RequestId);
        });
        if (!done) await call.EndOf(operation);
        return new((await call.Db.Read(tx => tx.Attachments.Of(seen.Volume.Id))).Select(a => new AttachmentBrief(a)));
    }

    static Task Complete(Call call, string id) => call.Db.Commit(async tx =>
    {
        var (attachment, _) = await Visible(tx, call, id, @lock: true);
        call.Demand("volume:attachment_complete", attachment.ProjectId);
        await Attaching.Complete(tx, attachment);
    });
}
