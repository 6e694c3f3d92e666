using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Messages;

/// <summary>What was being done when it went wrong (Cinder: cinder/message/message_field.py, Action).</summary>
public sealed record MessageAction(string Id, string Text)
{
    public static readonly MessageAction ScheduleAllocateVolume = new("001", "schedule allocate volume");
    public static readonly MessageAction AttachVolume = new("002", "attach volume");
    public static readonly MessageAction CopyVolumeToImage = new("003", "copy volume to image");
    public static readonly MessageAction UpdateAttachment = new("004", "update attachment");
    public static readonly MessageAction CopyImageToVolume = new("005", "copy image to volume");
    public static readonly MessageAction UnmanageVolume = new("006", "unmanage volume");
    public static readonly MessageAction ExtendVolume = new("007", "extend volume");
    public static readonly MessageAction CreateVolumeFromBackend = new("008", "create volume from backend storage");
    public static readonly MessageAction CreateSnapshot = new("009", "create snapshot");
    public static readonly MessageAction DeleteSnapshot = new("010", "delete snapshot");
    public static readonly MessageAction CreateBackup = new("013", "create backup");
    public static readonly MessageAction DeleteBackup = new("014", "delete backup");
    public static readonly MessageAction RestoreBackup = new("015", "restore backup");
    public static readonly MessageAction ReimageVolume = new("016", "reimage volume");

    // Ours: Cinder has no message for these.
    public static readonly MessageAction DeleteVolume = new("017", "delete volume");
    public static readonly MessageAction RevertVolume = new("018", "revert volume to snapshot");
    public static readonly MessageAction RetypeVolume = new("019", "retype volume");
    public static readonly MessageAction MigrateVolume = new("020", "migrate volume");
    public static readonly MessageAction ManageVolume = new("021", "manage volume");
    public static readonly MessageAction CreateGroup = new("022", "create group");
    public static readonly MessageAction CreateGroupSnapshot = new("023", "create group snapshot");
    public static readonly MessageAction DeleteGroup = new("024", "delete group");
    public static readonly MessageAction DetachVolume = new("025", "detach volume");
    public static readonly MessageAction DeleteGroupSnapshot = new("026", "delete group snapshot");
    public static readonly MessageAction FlattenVolume = new("027", "flatten volume");

    /// <summary>What failed, where the driver could not (message_field.py, Detail).</summary>
    public string FailedDetail => Id switch
    {
        "002" or "004" => "021",
        "003" => "004",
        "007" => "010",
        "009" => "013",
        "010" => "016",
        "013" => "020",
        "014" => "025",
        "015" => "026",
        "016" => "028",
        "025" => "022",
        "001" or "005" or "008" => "012",
        _ => "001",
    };
}

/// <summary>A message for the user: why something ended in error (GET /messages).</summary>
public sealed record Message(
    string Id, string ProjectId, string? RequestId, string ResourceType, string ResourceId, string EventId, string Level, string Text,
    DateTime CreatedAt, DateTime ExpiresAt);

/// <summary>Which message rows change.</summary>
public readonly struct MessageTable(Tx tx)
{
    /// <summary>How long a message is kept: Cinder's message_ttl.</summary>
    static readonly TimeSpan Life = TimeSpan.FromSeconds(2_592_000);

    static readonly Sql All = Sql.Raw(
        "id, project_id, request_id, resource_type, resource_id, event_id, level, text, created_at, expires_at");

    /// <summary>Tells the owner of a resource why an operation failed. The operation's id is the message's: told once.</summary>
    public Task Add(OperationRow operation, string resourceType, string resourceId, MessageAction action, Fault fault)
    {
        var detail = fault switch
        {
            Fault.BackendDown => "002",
            Fault.NoValidBackend => "003",
            Fault.OverQuota => "006",
            Fault.BadSignature => "011",
            Fault.NoBackupService => "024",
            Fault.ShareFull when action == MessageAction.CopyImageToVolume => "007",
            Fault.DriverFailed or Fault.ShareFull => action.FailedDetail,
            _ => "001",
        };
        return Insert(operation.Id, operation.ProjectId ?? "", operation.RequestId, resourceType, resourceId, action, detail, fault.ForUsers);
    }

    /// <summary>Tells the owner of an encrypted volume that it can't be given up.</summary>
    public Task AddUnmanageEncrypted(string id, Volume volume, string? requestId) => Insert(id, volume.ProjectId, requestId, "VOLUME",
        volume.Id, MessageAction.UnmanageVolume, "008", "Unmanaging encrypted volumes is not supported.");

    Task Insert(string id, string projectId, string? requestId, string resourceType, string resourceId, MessageAction action,
        string detail, string words)
    {
        var @event = $"VOLUME_{resourceType}_{action.Id}_{detail}";
        var text = $"{action.Text}: {words}";
        return tx.Execute($"""
            insert into message ({All}) values ({id}, {projectId}, {requestId}, {resourceType}, {resourceId}, {@event}, 'ERROR', {text},
              {tx.Now}, {tx.Now + Life}) on conflict do nothing
            """);
    }

    public Task<Message?> Find(string id, string projectId) =>
        tx.One<Message?>($"select {All} from message where id = {id} and project_id = {projectId}", Read);

    /// <summary>One page.</summary>
    /// <exception cref="FaultException">NotFound: the marker is no message.</exception>
    public async Task<List<Message>> List(ListQuery query)
    {
        await ListSql.DemandMarker(tx, "message", query, id => new Fault.NotFound("Message", id).Thrown());
        return await tx.Query($"select {All} from message{ListSql.Page(query, "message", tx.Dialect)}", Read);
    }

    public Task<int> Remove(string id, string projectId) =>
        tx.Execute($"delete from message where id = {id} and project_id = {projectId}");

    /// <summary>Removes those past their time.</summary>
    public Task<int> Expire() => tx.Execute($"delete from message where expires_at < {tx.Now}");

    static Message Read(DbDataReader r) => new(
        r.GetString(0), r.GetString(1), r.Text(2), r.GetString(3), r.GetString(4), r.GetString(5), r.GetString(6), r.GetString(7),
        r.Time(8), r.Time(9));
}
