using Clinker.Store;
using Clinker.Messages;
using Clinker.Operations;
using Clinker.Services;
using Clinker.Transfers;
using Clinker.Types;
using Clinker.Quotas;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Types, services, messages.</summary>
public abstract partial class StoreContract
{
    Task<VolumeType> Typed(VolumeType type) => Db.Commit(tx => tx.Types.Insert(type));

    [Fact]
    public async Task A_type_is_remembered_whole_and_found_by_name()
    {
        var type = Some.Type("gold") with
        {
            Description = "ü", IsPublic = false, UpdatedAt = Some.Time.AddHours(1),
            ExtraSpecs = new Dictionary<string, string> { ["capabilities:x"] = "<is> True" },
        };
        await Typed(type);
        var read = (await Db.Read(tx => tx.Types.FindByName("gold")))!;
        Assert.Equal(type.ExtraSpecs, read.ExtraSpecs);
        Assert.Equal(type, read with { ExtraSpecs = type.ExtraSpecs });
        Assert.Equal(type.Id, (await Db.Commit(tx => tx.Types.Find(type.Id, @lock: true)))!.Id);
        Assert.Equal(type.ExtraSpecs, await Db.Read(tx => tx.Types.SpecsOf(type.Id)));
        Assert.Empty(await Db.Read(tx => tx.Types.SpecsOf(null)));
        Assert.Null(await Db.Read(tx => tx.Types.FindByName("Gold")));
        await Db.Commit(tx => tx.Types.Remove(type.Id));
        Assert.Null(await Db.Read(tx => tx.Types.Find(type.Id)));
    }

    [Fact]
    public async Task A_types_name_is_taken_once()
    {
        var (gold, silver) = (await Typed(Some.Type("gold")), await Typed(Some.Type("silver")));
        var taken = new Fault.Conflict("Volume Type gold already exists.");
        Assert.Equal(taken, await Refused(() => Typed(Some.Type("gold"))));
        Assert.Equal(taken, await Refused(() => Db.Commit(tx => tx.Types.Update(silver with { Name = "gold" }))));
        await Db.Commit(tx => tx.Types.Update(gold with { Description = "its own name" }));
        Assert.Equal("its own name", (await Db.Read(tx => tx.Types.Find(gold.Id)))!.Description);
        Assert.Equal("silver", (await Db.Read(tx => tx.Types.Find(silver.Id)))!.Name);
    }

    [Fact]
    public async Task Of_many_that_want_a_name_at_once_one_gets_it()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Background(() => Outcome(() => Typed(Some.Type("new"))))));
        Assert.Equal(1, outcomes.Count(o => o is null));
        Assert.Equal(9, outcomes.Count(o => o is Fault.Conflict));

        var types = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Typed(Some.Type($"t{i}"))));
        outcomes = await Task.WhenAll(types.Select(t => Background(() => Outcome(() => Db.Commit(tx => tx.Types.Update(t with { Name = "renamed" }))))));
        Assert.Equal(1, outcomes.Count(o => o is null));
        Assert.Equal(9, outcomes.Count(o => o is Fault.Conflict));
    }

    static async Task<Fault?> Outcome(Func<Task> act)
    {
        try { await act(); return null; }
        catch (FaultException e) { return e.Fault; }
    }

    [Fact]
    public async Task The_default_type_is_made_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Background(() => Db.Commit(tx => tx.Types.EnsureDefault(Some.Id())))));
        var type = Assert.Single(await Db.Read(tx => tx.Types.List(null)));
        Assert.Equal((VolumeType.DefaultName, true), (type.Name, type.IsPublic));
        Assert.Empty(type.ExtraSpecs);
    }

    [Fact]
    public async Task A_private_type_is_seen_by_those_who_have_access()
    {
        var open = await Typed(Some.Type("open"));
        var hidden = await Typed(Some.Type("hidden") with { IsPublic = false, CreatedAt = Some.Time.AddSeconds(1) });
        Task<bool> Add(string project) => Db.Commit(tx => tx.Types.AddAccess(hidden.Id, project));
        async Task<string[]> Seen(string? by) => [.. (await Db.Read(tx => tx.Types.List(by))).Select(t => t.Name)];
        Assert.True(await Add("b"));
        Assert.True(await Add("a"));
        Assert.False(await Add("a"));
        Assert.Equal(["a", "b"], await Db.Read(tx => tx.Types.Access(hidden.Id)));
        Assert.Equal(["hidden", "open"], await Seen(null));
        Assert.Equal(["hidden", "open"], await Seen("a"));
        Assert.Equal(["open"], await Seen("c"));
        Assert.True(await Db.Commit(tx => tx.Types.RemoveAccess(hidden.Id, "a")));
        Assert.False(await Db.Commit(tx => tx.Types.RemoveAccess(hidden.Id, "a")));
        Assert.Equal(["open"], await Seen("a"));

        await Inserted(Some.Volume(type: open.Id));
        Assert.True(await Db.Read(tx => tx.Types.InUse(open.Id)));
        Assert.False(await Db.Read(tx => tx.Types.InUse(hidden.Id)));
        await Db.Commit(tx => tx.Types.Remove(hidden.Id));
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select count(*) from volume_type_access")));
    }

    [Fact]
    public async Task Access_to_a_type_that_is_removed_meanwhile_is_access_to_none()
    {
        var never = Some.Id();
        Assert.Equal(new Fault.NotFound("Volume type", never), await Refused(() => Db.Commit(tx => tx.Types.AddAccess(never, "p"))));
        for (var i = 0; i < 20; i++)
        {
            var type = await Typed(Some.Type($"t{i}") with { IsPublic = false });
            var adding = Enumerable.Range(0, 4).Select(p => Background(() => Outcome(() => Db.Commit(tx => tx.Types.AddAccess(type.Id, $"p{p}"))))).ToList();
            await Db.Commit(tx => tx.Types.Remove(type.Id));
            Assert.All(await Task.WhenAll(adding), o => Assert.True(o is null or Fault.NotFound, o?.ToString()));
        }
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select count(*) from volume_type_access")));
    }

    [Fact]
    public async Task A_service_keeps_its_id_and_its_switch_from_beat_to_beat()
    {
        Task Beat(string id, string? down) => Db.Commit(tx => tx.Services.Beat(id, "host@b", ServiceTable.VolumeBinary, "nova", down));
        await Beat("first", null);
        await Db.Commit(tx => tx.Services.Beat("scheduler", "host", ServiceTable.SchedulerBinary, "nova", null));
        Assert.True(await Db.Commit(tx => tx.Services.Set("host@b", ServiceTable.VolumeBinary, true, "repair")));
        Assert.False(await Db.Commit(tx => tx.Services.Set("host@c", ServiceTable.VolumeBinary, true, null)));
        var before = (await Db.Read(tx => tx.Services.Find("host@b", ServiceTable.VolumeBinary)))!;
        Clock.Shift += TimeSpan.FromSeconds(10);
        await Beat("second", "no share answers");
        var after = (await Db.Read(tx => tx.Services.Find("host@b", ServiceTable.VolumeBinary)))!;
        Assert.Equal(before with { BackendDown = "no share answers", UpdatedAt = after.UpdatedAt }, after);
        Assert.Equal(("first", true, "repair"), (after.Id, after.Disabled, after.DisabledReason));
        Assert.InRange(after.UpdatedAt - before.UpdatedAt, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
        Assert.Equal(["scheduler", "first"], (await Db.Read(tx => tx.Services.List())).Select(s => s.Id));
        Assert.Null(await Db.Read(tx => tx.Services.Find("host", ServiceTable.VolumeBinary)));
    }

    [Fact]
    public async Task A_message_is_told_once_and_expires()
    {
        var row = await Started();
        var fault = new Fault.NoValidBackend("All are full.");
        for (var i = 0; i < 2; i++)
            await Db.Commit(tx => tx.Messages.Add(row, "VOLUME", "v", MessageAction.ScheduleAllocateVolume, fault));
        var message = Assert.Single(await Db.Read(tx => tx.Messages.List(new ListQuery { ProjectId = "p", Limit = 10 })));
        Assert.Equal((row.Id, "p", "req-1", "VOLUME", "v", "VOLUME_VOLUME_001_003", "ERROR", "schedule allocate volume: No valid backend was found."),
            (message.Id, message.ProjectId, message.RequestId, message.ResourceType, message.ResourceId, message.EventId, message.Level, message.Text));
        Assert.Equal(TimeSpan.FromDays(30), message.ExpiresAt - message.CreatedAt);
        Assert.Equal(message, await Db.Read(tx => tx.Messages.Find(row.Id, "p")));
        Assert.Null(await Db.Read(tx => tx.Messages.Find(row.Id, "stranger")));
        Assert.Equal(0, await Db.Commit(tx => tx.Messages.Remove(row.Id, "stranger")));

        Clock.Shift += TimeSpan.FromDays(15);
        var young = await Started();
        await Db.Commit(tx => tx.Messages.Add(young, "VOLUME", "v", MessageAction.DeleteVolume, new Fault.ShareFull("s")));
        Assert.Equal([young.Id, row.Id], (await Db.Read(tx => tx.Messages.List(new ListQuery { ProjectId = "p", Limit = 10 }))).Select(m => m.Id));
        Assert.Equal(young.Id, Assert.Single(await Db.Read(tx => tx.Messages.List(new ListQuery { ProjectId = "p", Limit = 1 }))).Id);
        Assert.Equal(0, await Db.Commit(tx => tx.Messages.Expire()));
        Clock.Shift += TimeSpan.FromDays(16);
        Assert.Equal(1, await Db.Commit(tx => tx.Messages.Expire()));
        Assert.Equal(young.Id, Assert.Single(await Db.Read(tx => tx.Messages.List(new ListQuery { ProjectId = "p", Limit = 10 }))).Id);
        Assert.Equal(1, await Db.Commit(tx => tx.Messages.Remove(young.Id, "p")));
    }

    [Fact]
    public async Task A_transfer_gives_the_volume_to_one_of_those_who_have_the_key()
    {
        var key = TransferKey.New();
        var volume = Some.Volume() with { Status = VolumeStatus.Available };
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Insert(volume);
            await tx.Quotas.Take(volume, QuotaLimits.None);
            await tx.Transfers.Offer(new("t1", volume.ProjectId, volume.Id, null, key.Salt, key.KeyHash, false, tx.Now), mayBeEncrypted: false);
        });
        Assert.Equal("t1", Assert.Single(await Db.Read(tx => tx.Transfers.List(new() { ProjectId = volume.ProjectId, Filters = [new("name", Op.Null)] }))).Id);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Background(() =>
            Outcome(() => Db.Commit(tx => tx.Transfers.Accept("t1", key.Key, $"receiver{i}", "user", QuotaLimits.None))))));
        Assert.Equal((1, 9), (outcomes.Count(o => o is null), outcomes.Count(o => o is Fault.NotFound)));
        Assert.StartsWith("receiver", (await Db.Read(tx => tx.Volumes.Get(volume.Id))).ProjectId, StringComparison.Ordinal);
        Assert.Empty(await Db.Read(tx => tx.Quotas.Recount()));
    }

    [Fact]
    public async Task A_frozen_backend_is_told_by_its_whole_name()
    {
        var (inside, beside) = (Some.Volume() with { Host = "h_1@b#p" }, Some.Volume() with { Host = "hx1@b#p" });
        await Db.Commit(async tx =>
        {
            await tx.Volumes.Insert(inside);
            await tx.Volumes.Insert(beside);
            await tx.Services.Beat("s", "h_1@b", ServiceTable.VolumeBinary, "nova", null);
            Assert.True(await tx.Services.Freeze("h_1@b", frozen: true));
        });
        Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Services.DemandThawed(inside.Id))));
        await Db.Commit(tx => tx.Services.DemandThawed(beside.Id));
        Assert.Equal(1, Assert.Single(await Db.Read(tx => tx.Services.Uses("h_1@b"))).Volumes);
        Assert.False(await Db.Commit(tx => tx.Services.Freeze("h_1@b", frozen: true)));
        await Db.Commit(async tx => await tx.Services.NoteLogLevels((await tx.Services.List())[0], "{}"));
        Assert.Equal("{}", (await Db.Read(tx => tx.Services.List()))[0].LogLevels);
    }
}
