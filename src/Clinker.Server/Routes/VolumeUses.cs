using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Store;
using Clinker.Volumes;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>
/// How volumes were attached before there were attachments to be named (cinder/api/contrib/volume_actions.py, admin_actions.py).
/// </summary>
static class VolumeUses
{
    const string Rules = "volume_extension:volume_actions:";
    const string ForceRule = "volume_extension:volume_admin_actions:force_detach";

    public static void Map(RouteTable api)
    {
        api.Action("volume_reserve", "/volumes/{id}", "os-reserve", Reserve, rule: Row(Rules + "reserve"));
        api.Action("volume_unreserve", "/volumes/{id}", "os-unreserve", Unreserve, rule: Row(Rules + "unreserve"));
        api.Action("volume_begin_detaching", "/volumes/{id}", "os-begin_detaching", BeginDetaching, rule: Row(Rules + "begin_detaching"));
        api.Action("volume_roll_detaching", "/volumes/{id}", "os-roll_detaching", RollDetaching, rule: Row(Rules + "roll_detaching"));
        api.Action("volume_attach", "/volumes/{id}", "os-attach", AttachNow.Form, Attach, rule: Row(Rules + "attach"));
        api.Action("volume_detach", "/volumes/{id}", "os-detach", DetachNow.Form, Detach, rule: Row(Rules + "detach"));
        api.Action("volume_force_detach", "/volumes/{id}", "os-force_detach", DetachNow.Forced, ForceDetach, rule: Row(ForceRule));
        api.Action<Connector, Verbatim>("volume_initialize_connection", "/volumes/{id}", "os-initialize_connection",
            AttachmentForms.Initialize, InitializeConnection, rule: Row(Rules + "initialize_connection"));
        api.Action("volume_terminate_connection", "/volumes/{id}", "os-terminate_connection", AttachmentForms.Terminate, TerminateConnection,
            rule: Row(Rules + "terminate_connection"));
    }

    static Task Reserve(Call call, string id) => Change(call, id, "reserve",
        (tx, volume) => tx.Volumes.Move(id, volume.Multiattach ? VolumeRules.ReserveShared : VolumeRules.Reserve));

    static Task Unreserve(Call call, string id) => Change(call, id, "unreserve", NoLongerAttaching);

    static Task BeginDetaching(Call call, string id) => Change(call, id, "begin_detaching", async (tx, volume) =>
    {
        // A migration moves it from host to host by itself; its status is not to show that.
        if (volume.IsMigrating) return;
        if (volume.AttachStatus != AttachStatus.Attached) throw VolumeRules.BeginDetaching.Refused(id, volume.Status);
        await tx.Volumes.Move(id, VolumeRules.BeginDetaching);
    });

    static Task RollDetaching(Call call, string id) => Change(call, id, "roll_detaching",
        (tx, volume) => volume.Status == VolumeStatus.Detaching ? tx.Volumes.FollowAttachments(id) : Task.CompletedTask);

    static Task Attach(Call call, string id, AttachNow want)
    {
        var attachmentId = call.Ids.New();
        return Change(call, id, "attach", (tx, volume) => Attaching.Attach(tx, volume, new Attachment
        {
            Id = attachmentId,
            ProjectId = volume.ProjectId,
            VolumeId = id,
            ServerId = want.ServerId,
            HostName = want.HostName,
            Device = want.Device,
            Mode = want.Mode,
            Status = AttachStatus.Attached,
            CreatedAt = tx.Now,
        }));
    }

    static Task Detach(Call call, string id, DetachNow what) => Detach(call, id, what, Rules + "detach");

    static Task ForceDetach(Call call, string id, DetachNow what) =>
        Detach(call, id, what, ForceRule, Rules + "terminate_connection", Rules + "detach");

    static async Task Detach(Call call, string id, DetachNow what, params string[] rules)
    {
        var operation = call.Ids.New();
        var seen = await call.Db.Read(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id);
            foreach (var rule in rules) call.Demand(rule, volume.ProjectId, volume.UserId);
            return await Named(tx, call, volume, what.AttachmentId);
        });
        await Attachments.DemandUnused(call, seen);
        var done = await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id, @lock: true);
            if (!VolumeRules.MayConnect(volume.Status))
                throw Fault.Invalid.Volume("The volume cannot be detached in maintenance mode.").Thrown();
            if (seen is not null && await tx.Attachments.Find(seen.Id) is { } attachment)
                return await DetachVolume.Accept(tx, volume, attachment, what.Connector, operation, call.RequestId);
            await tx.Volumes.FollowAttachments(id); // it may have been about to be detached, or attached
            return true;
        });
        if (!done) await call.EndOf(operation);
    }

    static async Task<Verbatim> InitializeConnection(Call call, string id, Connector connector)
    {
        var operation = call.Ids.New();
        await Change(call, id, "initialize_connection", async (tx, volume) =>
        {
            if (!VolumeRules.MayConnect(volume.Status))
                throw Fault.Invalid.Volume("The volume connection cannot be initialized in maintenance mode.").Thrown();
            await ConnectVolume.Accept(tx, volume, null, connector, isNew: false, operation, call.RequestId);
        });
        await call.EndOf(operation);
        return new("connection_info", await call.Db.Read(tx => ConnectVolume.Told(tx, operation, id, connector)));
    }

    static async Task TerminateConnection(Call call, string id, Connector? connector)
    {
        var operation = call.Ids.New();
        var seen = await call.Db.Read(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, id);
            call.Demand(Rules + "terminate_connection", volume.ProjectId, volume.UserId);
            return call.Caller.FromService ? null : await Named(tx, call, volume, null);
        });
        await Attachments.DemandUnused(call, seen);
        if (connector is not null)
        {
            await call.Db.Commit(async tx => await DetachVolume.Accept(
                tx, await Volumes.Visible(tx, call, id, @lock: true), connector, operation, call.RequestId));
            await call.EndOf(operation);
        }
        await call.Db.Commit(async tx => await NoLongerAttaching(tx, await Volumes.Visible(tx, call, id, @lock: true)));
    }

    /// <summary>The attachment that a request is about; null when there is none.</summary>
    /// <exception cref="FaultException">Missing, Invalid: there is none of that id; Conflict: none is named, and there are several.</exception>
    static async Task<Attachment?> Named(Tx tx, Call call, Volume volume, string? attachmentId)
    {
        if (!string.IsNullOrEmpty(attachmentId))
        {
            var (named, _) = await Attachments.Visible(tx, call, attachmentId);
            return named.VolumeId == volume.Id ? named : throw Fault.Invalid.Input("Mismatched volume and attachment").Thrown();
        }
        var all = await tx.Attachments.Of(volume.Id);
        return all.Count <= 1 ? all.FirstOrDefault() : throw new Fault.Conflict(
            "Detach volume failed: More than one attachment, but no attachment_id provided.").Thrown();
    }

    static Task NoLongerAttaching(Tx tx, Volume volume) =>
        volume.Status == VolumeStatus.Attaching ? tx.Volumes.FollowAttachments(volume.Id) : Task.CompletedTask;

    static Task Change(Call call, string id, string verb, Func<Tx, Volume, Task> change) => call.Db.Commit(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id, @lock: true);
        call.Demand(Rules + verb, volume.ProjectId, volume.UserId);
        await change(tx, volume);
    });
}
