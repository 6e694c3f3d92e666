using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Volumes.VolumeStatus;

namespace Clinker.Attachments;

/// <summary>
/// What changes of attachments without any work on the backend: each is part of a transaction that keeps the volume's row, and
/// ends with the volume's following.
/// </summary>
public static class Attaching
{
    /// <summary>Notes of the service about a volume: whether nobody may write to it, and how it was attached last.</summary>
    const string Readonly = "readonly", AttachedMode = "attached_mode";

    /// <summary>Keeps a volume for a server (Cinder: API._attachment_reserve).</summary>
    /// <param name="volume">Locked.</param>
    /// <exception cref="FaultException">Invalid: the volume's status does not allow it.</exception>
    public static async Task Reserve(Tx tx, Volume volume, Attachment attachment)
    {
        if (volume.Status.Contains("error", StringComparison.Ordinal))
            throw Fault.Invalid.Volume("Volume attachments can not be created if the volume is in an error state. The Volume "
                + $"{volume.Id} currently has a status of: {volume.Status} ").Thrown();
        var rule = volume.Multiattach ? VolumeRules.AttachShared : VolumeRules.Attach;
        if (!rule.Allows(volume.Status) || (volume.Status == Downloading && !volume.Multiattach))
        {
            var others = await tx.Attachments.Of(volume.Id);
            // A server that moves from host to host has two of them for a while.
            var again = volume.Status is InUse or Reserved or Downloading
                && attachment.ServerId is { } server && others.Exists(a => a.ServerId == server);
            if (!again && (!rule.Allows(volume.Status) || others.Count > 0)) throw rule.Refused(volume.Id, volume.Status);
        }
        await tx.Attachments.Insert(attachment with { Mode = IsReadOnly(volume) ? AttachMode.ReadOnly : attachment.Mode });
        await tx.Volumes.FollowAttachments(volume.Id);
    }

    /// <summary>The server has it now (Cinder: AttachmentsController.complete).</summary>
    /// <exception cref="FaultException">Conflict: it is being taken away.</exception>
    public static async Task Complete(Tx tx, Attachment attachment)
    {
        if (attachment.Status == AttachStatus.Detaching)
            throw new Fault.Conflict($"Attachment {attachment.Id} is being deleted.").Thrown();
        await tx.Attachments.Set(attachment with { Status = AttachStatus.Attached, AttachedAt = attachment.AttachedAt ?? tx.Now });
        await tx.Volumes.FollowAttachments(attachment.VolumeId);
    }

    /// <summary>
    /// Notes that a server or a host has it, all at once (Cinder: VolumeManager.attach_volume). The second time for one of them is
    /// the first time's attachment.
    /// </summary>
    /// <param name="volume">Locked.</param>
    /// <exception cref="FaultException">Invalid: the volume's status or its being read-only does not allow it.</exception>
    public static async Task Attach(Tx tx, Volume volume, Attachment attachment)
    {
        if (!VolumeRules.MayConnect(volume.Status))
            throw Fault.Invalid.Volume("The volume cannot be attached in maintenance mode.").Thrown();
        if (IsReadOnly(volume) && attachment.Mode != AttachMode.ReadOnly)
            throw new Fault.Invalid($"Invalid attaching mode '{attachment.Mode}' for volume {volume.Id}.").Thrown();
        var others = await tx.Attachments.Of(volume.Id);
        if (others.Find(a => a.ServerId == attachment.ServerId && (a.ServerId is not null || a.HostName == attachment.HostName)) is { } same)
        {
            await Complete(tx, same);
            return;
        }
        var rule = volume.Multiattach ? VolumeRules.AttachNowShared : VolumeRules.AttachNow;
        if (!rule.Allows(volume.Status) || (!volume.Multiattach && others.Count > 0)) throw rule.Refused(volume.Id, volume.Status);
        await tx.Attachments.Insert(attachment with { Status = AttachStatus.Attached, AttachedAt = tx.Now });
        var notes = new Dictionary<string, string>(volume.AdminMetadata) { [AttachedMode] = attachment.Mode! };
        notes.TryAdd(Readonly, "False");
        await tx.Volumes.SetAdminMetadata(volume.Id, notes);
        await tx.Volumes.FollowAttachments(volume.Id);
    }

    /// <summary>Forgets one. The backend has let go of it, or never had it.</summary>
    public static async Task Remove(Tx tx, Volume volume, string attachmentId)
    {
        await tx.Attachments.Remove(attachmentId);
        await Forgotten(tx, volume);
    }

    /// <summary>Forgets all of a volume, whatever the backend has of them: an admin says that they are gone.</summary>
    public static async Task RemoveAll(Tx tx, Volume volume)
    {
        await tx.Attachments.RemoveOf(volume.Id);
        await Forgotten(tx, volume);
    }

    static async Task Forgotten(Tx tx, Volume volume)
    {
        if (volume.AdminMetadata.ContainsKey(AttachedMode))
            await tx.Volumes.SetAdminMetadata(volume.Id, volume.AdminMetadata.Where(m => m.Key != AttachedMode).ToDictionary());
        await tx.Volumes.FollowAttachments(volume.Id);
    }

    /// <summary>How a volume was attached last, without an attachment of the newer kind; else how it may be.</summary>
    public static string ModeOf(Volume volume) => volume.AdminMetadata.GetValueOrDefault(AttachedMode)
        ?? (IsReadOnly(volume) ? AttachMode.ReadOnly : AttachMode.ReadWrite);

    /// <summary>Whether nobody may write to it, whatever he asks for.</summary>
    public static bool IsReadOnly(Volume volume) => volume.AdminMetadata.GetValueOrDefault(Readonly) == "True";
}
