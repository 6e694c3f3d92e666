using Clinker.Backups;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>Backups: made, listed, looked at, renamed, restored, deleted; their records (cinder/api/contrib/backups.py, cinder/api/v3/backups.py).</summary>
static class Backups
{
    const string ForceDeleteRule = "volume_extension:backup_admin_actions:force_delete";
    const string ResetRule = "volume_extension:backup_admin_actions:reset_status";

    public static readonly Filterable Filterable = new("backup",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("display_name", "name", FilterKind.Verbatim),
        new("description", "description"),
        new("status", "status"),
        new("volume_id", "volume_id"),
        new("snapshot_id", "snapshot_id"),
        new("parent_id", "parent_id"),
        new("size", "size_gb", FilterKind.Number),
        new("metadata", "metadata", FilterKind.Entries, Since: Behaviour.BackupMetadata),
        new("object_count", "object_count", FilterKind.Number),
        new("container", "container"),
        new("availability_zone", "availability_zone"),
        new("fail_reason", "fail_reason"),
        new("service", "service"),
        new("user_id", "user_id"),
        new("project_id", "project_id"),
        new("encryption_key_id", "encryption_key_id"),
        new("data_timestamp", "data_timestamp", FilterKind.Time),
        new("created_at", "created_at", FilterKind.Time),
        new("updated_at", "updated_at", FilterKind.Time));

    static readonly Form<string> Reset = new(
        Must.Object(Must.Required("status", Must.Text(max: int.MaxValue, format: text => text.ToLowerInvariant() is BackupStatus.Available or BackupStatus.Error
            ? null
            : $"{Python.Repr(text)} is not a 'backup_status'", says: "available or error."))),
        body => body.Text("status")!.ToLowerInvariant());

    public static void Map(RouteTable api)
    {
        api.Get("backup_list", "/backups", call => List(call, BackupBrief.Of), rule: "backup:get_all", query: Parameters.List(Filterable, counts: true));
        api.Get("backup_list_detail", "/backups/detail", call => List(call, (b, place) => new BackupShape(b, place)), rule: "backup:get_all",
            query: Parameters.List(Filterable, counts: true));
        api.Post("backup_create", "/backups", BackupCreate.Form, Create, rule: Row("backup:create"));
        api.Post("backup_import", "/backups/import_record", BackupImport.Form, Import, rule: "backup:backup-import", success: 201);
        api.Get("backup_show", "/backups/{id}", Show, rule: Row("backup:get"));
        api.Put("backup_update", "/backups/{id}", BackupUpdate.Form, Update, rule: Row("backup:update"), since: 9);
        api.Delete("backup_delete", "/backups/{id}", (call, id) => Delete(call, id, BackupRules.Delete), rule: Row("backup:delete"));
        api.Get("backup_export", "/backups/{id}/export_record", Export, rule: Row("backup:export-import"));
        api.Post("backup_restore", "/backups/{id}/restore", BackupRestore.Form, Restore, rule: Row("backup:restore"));
        api.Action("backup_reset_status", "/backups/{id}", "os-reset_status", Reset, ResetStatus, rule: Row(ResetRule));
        api.Action("backup_force_delete", "/backups/{id}", "os-force_delete",
            (Call call, string id) => Delete(call, id, BackupRules.ForceDelete, ForceDeleteRule), rule: Row(ForceDeleteRule));
    }

    /// <summary>The backup, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    public static async Task<Backup> Visible(Tx tx, Call call, string id, bool @lock = false)
    {
        var backup = await tx.Backups.Find(id, @lock);
        return backup is not null && call.Allows("backup:get", backup.ProjectId, backup.UserId) ? backup : throw new Fault.NotFound("Backup", id).Thrown();
    }

    static async Task<Page<T>> List<T>(Call call, Func<Backup, Hyperlinks.Place, T> shape) where T : IShape<T>
    {
        var query = ListFilters.Read(call, Filterable);
        var found = await call.Db.Read(tx => tx.Backups.List(query));
        var place = call.Links.Of("backups");
        var next = found.Items.Count > 0 && found.Items.Count >= query.Limit
            ? call.Links.Next(call, call.Route!.Path[1..], found.Items[^1].Id) : null;
        return new(found.Items.Select(b => shape(b, place)), next, found.Count);
    }

    static async Task<BackupBrief> Create(Call call, BackupCreate want)
    {
        var (id, temporary, operation) = (call.Ids.New(), call.Ids.New(), call.Ids.New());
        return Brief(call, await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, want.VolumeId, @lock: true);
            call.Demand("backup:create", volume.ProjectId, volume.UserId);
            if (want.SnapshotId is { } snapshot) await Snapshots.Visible(tx, call, snapshot);
            return await CreateBackup.Accept(
                tx, want.ToBackup(call, id), want.Incremental, want.Force, call.Settings.Quotas, temporary, operation, call.RequestId);
        }));
    }

    static async Task<BackupShape> Show(Call call, string id) => new(await call.Db.Read(tx => Visible(tx, call, id)), call.Links.Of("backups"));

    static async Task<BackupBrief> Update(Call call, string id, BackupUpdate want) => Brief(call, await call.Db.Commit(async tx =>
    {
        var now = await Visible(tx, call, id, @lock: true);
        call.Demand("backup:update", now.ProjectId, now.UserId);
        var changed = now with
        {
            Name = want.HasName ? want.Name : now.Name,
            Description = want.HasDescription ? want.Description : now.Description,
            Metadata = want.Metadata ?? now.Metadata,
        };
        await tx.Backups.SetWords(changed);
        return changed;
    }));

    /// <param name="also">A policy rule that is asked too.</param>
    static async Task Delete(Call call, string id, Rule rule, string? also = null)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx =>
        {
            var backup = await Visible(tx, call, id);
            if (also is not null) call.Demand(also, backup.ProjectId, backup.UserId);
            call.Demand("backup:delete", backup.ProjectId, backup.UserId);
            await DeleteBackup.Accept(tx, id, rule, call.Settings.ServiceDownTime, operation, call.RequestId);
        });
    }

    static async Task<BackupRestored> Restore(Call call, string id, BackupRestore want)
    {
        var operation = call.Ids.New();
        if (want.VolumeId is not { } volumeId) return await RestoreToNew(call, id, want.Name, operation);
        var volume = await call.Db.Commit(async tx =>
        {
            var backup = await Visible(tx, call, id);
            call.Demand("backup:restore", backup.ProjectId, backup.UserId);
            await Volumes.Visible(tx, call, volumeId);
            return await RestoreBackup.Accept(tx, id, volumeId, operation, call.RequestId);
        });
        return new(id, volume.Id, volume.Name);
    }

    /// <summary>A volume that is made for it is made from the backup, like any other that is.</summary>
    static async Task<BackupRestored> RestoreToNew(Call call, string id, string? name, string operation)
    {
        var backup = await call.Db.Read(tx => Visible(tx, call, id));
        call.Demand("backup:restore", backup.ProjectId, backup.UserId);
        call.Demand("volume:create");
        if (!BackupRules.RestoreToNew.Allows(backup.Status)) throw BackupRules.RestoreToNew.Refused(id, backup.Status);
        var volume = await Volumes.Make(call, new VolumeCreate
        {
            Name = name ?? $"restore_backup_{id}",
            Description = "auto-created_from_restore_from_backup",
            BackupId = id,
        }, operation);
        return new(id, volume.Id, volume.Name);
    }

    static async Task<BackupRecordShape> Export(Call call, string id)
    {
        var backup = await call.Db.Read(tx => Visible(tx, call, id));
        call.Demand("backup:export-import", backup.ProjectId, backup.UserId);
        if (!BackupRules.Export.Allows(backup.Status)) throw BackupRules.Export.Refused(id, backup.Status);
        return new(backup.Service ?? "", BackupRecord.Of(backup));
    }

    static async Task<BackupBrief> Import(Call call, BackupImport want)
    {
        var backup = BackupRecord.Read(want.Url, call.ProjectId, call.Caller.UserId, call.Now);
        var operation = call.Ids.New();
        return Brief(call, await call.Db.Commit(tx => ImportBackup.Accept(
            tx, backup, call.Settings.Quotas, call.Settings.ServiceDownTime, operation, call.RequestId)));
    }

    static Task ResetStatus(Call call, string id, string status) => call.Db.Commit(async tx =>
    {
        var backup = await Visible(tx, call, id, @lock: true);
        call.Demand(ResetRule, backup.ProjectId, backup.UserId);
        await tx.Services.DemandUp(ServiceTable.BackupBinary, call.Settings.ServiceDownTime);
        var about = new About("backup", id);
        if (await tx.Operations.Busy(about))
            throw new Fault.Conflict($"Backup {id} has an operation under way, which will settle its status.").Thrown();
        if (status == BackupStatus.Available && backup.IndexSha256 is null)
            throw new Fault.Invalid($"Invalid backup: Backup {id} is not whole: nothing of it could be restored.").Thrown();
        await tx.Backups.Reset(id, status);
    });

    static BackupBrief Brief(Call call, Backup backup) => BackupBrief.Of(backup, call.Links.Of("backups"));
}
