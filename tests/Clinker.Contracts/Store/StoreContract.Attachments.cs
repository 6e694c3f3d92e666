using Clinker.Attachments;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Store;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Attachments, and the statuses of volumes that follow them.</summary>
public abstract partial class StoreContract
{
    static Attachment Use(Volume of, string? server = "s1", string status = AttachStatus.Reserved) => new()
    {
        Id = Some.Id(),
        ProjectId = of.ProjectId,
        VolumeId = of.Id,
        ServerId = server,
        Status = status,
        CreatedAt = Some.Time,
    };

    async Task<Volume> Usable(bool multiattach = false, string status = VolumeStatus.Available)
    {
        var volume = Some.Volume(status: status) with { Multiattach = multiattach, Host = "h@b#p" };
        await Db.Commit(tx => tx.Volumes.Insert(volume));
        return volume;
    }

    Task Keep(Attachment attachment) => Db.Commit(async tx =>
        await Attaching.Reserve(tx, await tx.Volumes.Get(attachment.VolumeId, @lock: true), attachment));

    async Task<(string, string)> StatusesOf(Volume volume)
    {
        var now = await Db.Read(tx => tx.Volumes.Get(volume.Id));
        return (now.Status, now.AttachStatus);
    }

    [Fact]
    public async Task An_attachment_is_remembered_whole()
    {
        var volume = await Usable();
        var attachment = Use(volume);
        await Keep(attachment);
        Assert.Equal(attachment, await Db.Read(tx => tx.Attachments.Get(attachment.Id)));
        var connected = attachment with
        {
            HostName = "h1", Device = "/dev/ü", Mode = AttachMode.ReadOnly, Status = AttachStatus.Attached, Connector = "{\"host\":\"h1\"}",
            ConnectionInfo = "{}", AttachedAt = Some.Time.AddMinutes(1),
        };
        await Db.Commit(tx => tx.Attachments.Set(connected));
        var read = await Db.Read(tx => tx.Attachments.Get(attachment.Id));
        Assert.NotNull(read.UpdatedAt);
        Assert.Equal(connected, read with { UpdatedAt = null });
        Assert.Equal(attachment.Id, Assert.Single(await Db.Read(tx => tx.Attachments.AttachedOf([volume.Id, Some.Id()]))).Id);
        Assert.True(await Db.Read(tx => tx.Attachments.Connected(volume.Id, "h1", null)));
        Assert.False(await Db.Read(tx => tx.Attachments.Connected(volume.Id, "h1", attachment.Id)));
        Assert.False(await Db.Read(tx => tx.Attachments.Connected(volume.Id, "h2", null)));
        await Db.Commit(tx => tx.Attachments.Remove(attachment.Id));
        Assert.Equal($"Volume attachment could not be found with filter: attachment_id = {attachment.Id}.",
            (await Refused(() => Db.Read(tx => tx.Attachments.Get(attachment.Id)))).Message);
    }

    [Fact]
    public async Task Attachments_are_listed_page_by_page_in_any_order()
    {
        var volume = await Usable(multiattach: true);
        var all = new List<Attachment>();
        foreach (var (server, host) in ((string?, string?)[])[("s1", "h2"), (null, "h1"), ("s2", null)])
        {
            all.Add(Use(volume, server) with { HostName = host });
            await Db.Commit(tx => tx.Attachments.Insert(all[^1]));
        }
        foreach (var column in (string[])["server_id", "host_name", "device", "mode", "attached_at", "status", "volume_id", "updated_at"])
        {
            var query = new ListQuery { ProjectId = volume.ProjectId, Sort = [new(column, false), new("id", false)], Limit = 2 };
            var first = await Db.Read(tx => tx.Attachments.List(query));
            var second = await Db.Read(tx => tx.Attachments.List(query with { Marker = first[^1].Id }));
            Assert.Equal(all.Select(a => a.Id).Order(), first.Concat(second).Select(a => a.Id).Order());
        }
        Assert.Equal([all[1].Id], (await Db.Read(tx => tx.Attachments.List(new() { Filters = [new("server_id", Op.Null)] }))).Select(a => a.Id));
        Assert.Empty(await Db.Read(tx => tx.Attachments.List(new() { ProjectId = "another" })));
    }

    [Fact]
    public async Task A_volume_is_what_its_attachments_say_in_their_order()
    {
        var volume = await Usable();
        string[] order = [AttachStatus.Reserved, AttachStatus.Detaching, AttachStatus.Attaching, AttachStatus.Attached];
        foreach (var status in order)
        {
            await Db.Commit(async tx =>
            {
                await tx.Attachments.Insert(Use(volume, status: status));
                await tx.Volumes.FollowAttachments(volume.Id);
            });
            Assert.Equal((status == AttachStatus.Attached ? VolumeStatus.InUse : status, status), await StatusesOf(volume));
        }
        await Db.Commit(tx => Attaching.RemoveAll(tx, volume));
        Assert.Equal((VolumeStatus.Available, AttachStatus.Detached), await StatusesOf(volume));
    }

    [Fact]
    public async Task Work_on_a_volume_keeps_its_status_and_ends_in_what_it_is_by_then()
    {
        var volume = await Usable();
        var attachment = Use(volume, status: AttachStatus.Attached);
        await Keep(attachment);
        await Db.Commit(tx => tx.Volumes.Reset(volume.Id, VolumeStatus.InUse, null, null));
        await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.ExtendEvenInUse));
        await Db.Commit(async tx => await Attaching.Remove(tx, await tx.Volumes.Get(volume.Id, @lock: true), attachment.Id));
        Assert.Equal((VolumeStatus.Extending, AttachStatus.Detached), await StatusesOf(volume));
        await Db.Commit(tx => tx.Volumes.PutBack(volume.Id, VolumeStatus.Extending));
        Assert.Equal((VolumeStatus.Available, AttachStatus.Detached), await StatusesOf(volume));

        var image = await Usable(status: VolumeStatus.Downloading);
        await Keep(Use(image));
        Assert.Equal((VolumeStatus.Downloading, AttachStatus.Reserved), await StatusesOf(image));
        await Db.Commit(tx => tx.Volumes.Settle(image.Id, VolumeStatus.Downloading, VolumeStatus.Available));
        Assert.Equal((VolumeStatus.Reserved, AttachStatus.Reserved), await StatusesOf(image));
    }

    [Fact]
    public async Task Of_many_servers_that_want_one_volume_at_once_one_gets_it()
    {
        var volume = await Usable();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Background(() => Outcome(() => Keep(Use(volume, $"s{i}"))))));
        Assert.Equal(1, outcomes.Count(o => o is null));
        Assert.Equal((VolumeStatus.Reserved, AttachStatus.Reserved), await StatusesOf(volume));
    }

    /// <summary>They come, are attached and go, beside work that ends: whoever is last finds what the others have left.</summary>
    [Fact]
    public async Task Many_that_come_and_go_at_once_leave_the_status_right()
    {
        var volume = await Usable(multiattach: true);
        var kept = Use(volume, "kept", AttachStatus.Attached);
        await Db.Commit(async tx =>
        {
            await tx.Attachments.Insert(kept);
            await tx.Volumes.FollowAttachments(volume.Id);
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Background(async () =>
        {
            for (var round = 0; round < 6; round++)
            {
                var mine = Use(volume, $"s{i}");
                await Keep(mine);
                if (i % 2 == 0)
                    await Db.Commit(async tx =>
                    {
                        await tx.Volumes.Get(volume.Id, @lock: true);
                        await Attaching.Complete(tx, await tx.Attachments.Get(mine.Id));
                    });
                await Db.Commit(async tx => await Attaching.Remove(tx, await tx.Volumes.Get(volume.Id, @lock: true), mine.Id));
            }
            return true;
        })));
        Assert.Equal((VolumeStatus.InUse, AttachStatus.Attached), await StatusesOf(volume));

        // Work that puts the status back while the last attachment goes.
        await Db.Commit(tx => tx.Volumes.Move(volume.Id, VolumeRules.ExtendEvenInUse));
        await Task.WhenAll(
            Background(() => Outcome(() => Db.Commit(tx => tx.Volumes.PutBack(volume.Id, VolumeStatus.Extending)))),
            Background(() => Outcome(() => Db.Commit(async tx => await Attaching.Remove(tx, await tx.Volumes.Get(volume.Id, @lock: true), kept.Id)))));
        Assert.Equal((VolumeStatus.Available, AttachStatus.Detached), await StatusesOf(volume));
    }

    [Fact]
    public async Task What_is_attached_or_connected_is_not_deleted_by_any_rule()
    {
        foreach (var (status, connected) in ((string, bool)[])[(AttachStatus.Attached, false), (AttachStatus.Attaching, true)])
        {
            var volume = await Usable();
            await Db.Commit(async tx =>
            {
                await tx.Attachments.Insert(Use(volume, status: status) with { HostName = "h", ConnectionInfo = connected ? "{}" : null });
                await tx.Volumes.FollowAttachments(volume.Id);
                await tx.Volumes.Reset(volume.Id, VolumeStatus.Error, null, null);
            });
            foreach (var rule in (Rule[])[VolumeRules.Delete, VolumeRules.DeleteCascade, VolumeRules.ForceDelete])
                Assert.Equal(new Fault.Invalid(rule.Refusal), await Refused(() => Db.Commit(tx => tx.Volumes.Move(volume.Id, rule))));
        }
    }

    [Fact]
    public async Task Who_has_a_volume_and_what_else_is_done_with_it_is_known()
    {
        var volume = await Usable();
        var about = new About("volume", volume.Id);
        async Task<bool> Any(Attachment use)
        {
            await Db.Commit(async tx =>
            {
                await tx.Attachments.RemoveOf(volume.Id);
                await tx.Attachments.Insert(use);
            });
            return await Db.Read(tx => tx.Attachments.Any(volume.Id));
        }
        Assert.False(await Db.Read(tx => tx.Attachments.Any(volume.Id)));
        Assert.False(await Any(Use(volume))); // only reserved
        Assert.True(await Any(Use(volume) with { HostName = "h", ConnectionInfo = "{}" }));
        Assert.True(await Any(Use(volume, status: AttachStatus.Detaching) with { AttachedAt = Some.Time }));

        var operation = Some.Id();
        await Db.Commit(tx => tx.Operations.Start(operation, new DeleteVolume(volume.Id), "h@b", "p", null));
        foreach (var status in (string[])["queued", "running", "unwinding", "stuck", "done", "failed"])
        {
            await Db.Commit(tx => tx.Execute($"update operation set status = {status} where id = {operation}"));
            Assert.Equal(status is not ("done" or "failed"), await Db.Read(tx => tx.Operations.AnyOther(about, ["ConnectVolume", "DetachVolume"])));
            Assert.False(await Db.Read(tx => tx.Operations.AnyOther(about, ["DeleteVolume"])));
        }
    }

    [Fact]
    public async Task Hosts_take_their_turns_in_the_order_in_which_they_came()
    {
        var volume = await Usable();
        var about = new About("volume", volume.Id);
        var (first, second, third) = (Some.Id(), Some.Id(), Some.Id());
        await Keep(Use(volume));
        foreach (var id in (string[])[first, second, third])
            await Db.Commit(async tx =>
                await ConnectVolume.Accept(tx, await tx.Volumes.Get(volume.Id, @lock: true), null, new Connector("h1", "{}"), false, id, null));
        var rows = await Db.Read(async tx => (await tx.Operations.List(new() { Filters = [new("about_id", Op.Equal, volume.Id)] })).ToDictionary(o => o.Id));
        Assert.All(rows.Values, r => Assert.Equal(("h@b", true), (r.Queue, r.HandedAt is not null)));
        Assert.False(await Db.Read(tx => tx.Operations.AnyLive(about, ["ConnectVolume"], rows[first])));
        Assert.True(await Db.Read(tx => tx.Operations.AnyLive(about, ["ConnectVolume"], rows[second])));
        Assert.False(await Db.Read(tx => tx.Operations.AnyLive(about, ["DetachVolume"], rows[third])));
        await Db.Commit(tx => tx.Execute($"update operation set status = 'done' where id in ({first}, {second})"));
        Assert.False(await Db.Read(tx => tx.Operations.AnyLive(about, ["ConnectVolume"], rows[third])));
    }
}
