using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Outside;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Clinker.Tests.Outside;

/// <summary>How Nova is found and asked, and what is certain after each of its answers.</summary>
public sealed class NovaTests : IAsyncDisposable
{
    const string V = "11111111-0000-4000-8000-000000000000", S = "22222222-0000-4000-8000-000000000000";

    readonly FakeNova fake = new();
    readonly LogLines lines = new();

    public ValueTask DisposeAsync() => fake.DisposeAsync();

    async Task<FaultException?> Ask(string more = "")
    {
        using var nova = new Nova(fake.Settings(more), TimeProvider.System, lines);
        try { await nova.TakeSnapshot(V, S, $"volume-{V}.{S}", TestContext.Current.CancellationToken); }
        catch (FaultException e) { return e; }
        return null;
    }

    async Task<FaultException?> Merge()
    {
        using var nova = new Nova(fake.Settings(), TimeProvider.System, lines);
        try { await nova.Merge(V, S, new($"volume-{V}.{S}", $"volume-{V}"), TestContext.Current.CancellationToken); }
        catch (FaultException e) { return e; }
        return null;
    }

    [Fact]
    public async Task To_put_files_together_is_asked_as_the_delete_of_the_snapshot()
    {
        Assert.Null(await Merge());
        var (path, info) = Assert.Single(fake.Asked);
        Assert.Equal($"/public/one/v2.1/os-assisted-volume-snapshots/{S}", path);
        Assert.Equal($$"""{"volume_id":"{{V}}","type":"qcow2","file_to_merge":"volume-{{V}}.{{S}}","merge_target_file":"volume-{{V}}"}""", info.ToJsonString());
    }

    [Theory, InlineData(400, true), InlineData(404, true), InlineData(503, false)]
    public async Task Why_files_are_not_put_together_is_in_the_log(int status, bool certain)
    {
        fake.Merges = (_, _) => Task.FromResult<(int, string)?>((status, """{"badRequest": {"code": 400, "message": "the instance is stopped"}}"""));
        Assert.Equal(certain, (await Merge())!.NothingDone);
        Assert.Contains(lines.All, l => l.Contains($"volume-{V}.{S}", StringComparison.Ordinal) && l.Contains("the instance is stopped", StringComparison.Ordinal));
    }

    async Task<FaultException?> Tell(ServerEvent what, bool well)
    {
        using var nova = new Nova(fake.Settings(), TimeProvider.System, lines);
        try { await nova.Tell(what, V, [S], well, TestContext.Current.CancellationToken); }
        catch (FaultException e) { return e; }
        return null;
    }

    [Theory]
    [InlineData(ServerEvent.VolumeExtended, true, "compute 2.51", "volume-extended", "completed")]
    [InlineData(ServerEvent.VolumeReimaged, true, "compute 2.93", "volume-reimaged", "completed")]
    [InlineData(ServerEvent.VolumeReimaged, false, "compute 2.93", "volume-reimaged", "failed")]
    public async Task Servers_are_told_what_became_of_a_volume(ServerEvent what, bool well, string version, string name, string status)
    {
        Assert.Null(await Tell(what, well));
        var (path, body) = Assert.Single(fake.Asked);
        Assert.Equal(("/public/one/v2.1/os-server-external-events", version), (path, Assert.Single(fake.Versions)));
        Assert.Equal($$"""{"events":[{"name":"{{name}}","server_uuid":"{{S}}","tag":"{{V}}","status":"{{status}}"}]}""", body.ToJsonString());
    }

    [Theory, InlineData(404, "no such server"), InlineData(422, "on no host"), InlineData(400, "it answered")]
    public async Task An_event_that_it_does_not_take_is_a_no(int code, string reason)
    {
        fake.Events = body => Task.FromResult<(int, string)?>((207, FakeNova.Taken(body, code)));
        var fault = (await Tell(ServerEvent.VolumeExtended, true))!;
        Assert.True(fault.NothingDone);
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    void Says(int status, string body = "{}") => fake.Answers = _ => Task.FromResult<(int, string)?>((status, body));

    [Theory]
    [InlineData("", "/public/one/v2.1")]
    [InlineData("interface = internal", "/internal/one/v2.1")]
    [InlineData("region_name = two", "/public/two/v2.1")]
    public async Task It_is_asked_where_the_catalogue_says(string more, string at)
    {
        Assert.Null(await Ask(more));
        var (path, body) = Assert.Single(fake.Asked);
        Assert.Equal(at + "/os-assisted-volume-snapshots", path);
        Assert.Equal($$$"""{"snapshot":{"volume_id":"{{{V}}}","create_info":{"snapshot_id":"{{{S}}}","type":"qcow2","new_file":"volume-{{{V}}}.{{{S}}}"} } }""".Replace(" ", "", StringComparison.Ordinal), body.ToJsonString());
    }

    /// <summary>It can't have handed the work to a host: so what was made for it may go.</summary>
    [Theory]
    [InlineData(400, """{"badRequest": {"code": 400, "message": "Volume is attached to several instances"}}""", "Volume is attached to several")]
    [InlineData(404, """{"itemNotFound": {"code": 404, "message": "No volume Block Device Mapping with id 1."}}""", "No volume Block Device Mapping")]
    [InlineData(409, """{"conflictingRequest": {"code": 409, "message": "Cannot 'x' instance while it is in task_state"}}""", "task_state")]
    [InlineData(403, """{"forbidden": {"code": 403, "message": "Policy doesn't allow os-assisted"}}""", "give it the role admin")]
    public async Task A_no_is_certain_and_has_its_reason(int status, string body, string reason)
    {
        Says(status, body);
        var fault = (await Ask())!;
        Assert.Equal((true, false), (fault.NothingDone, fault.Fault.Transient));
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(500), InlineData(502), InlineData(503), InlineData(504)]
    public async Task After_a_trouble_of_its_own_nothing_is_certain(int status)
    {
        Says(status, "<html>down</html>");
        Assert.False((await Ask())!.NothingDone);
        Assert.Contains(lines.All, l => l.Contains(S, StringComparison.Ordinal) && l.Contains("may have been heard", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_an_answer_nothing_is_certain()
    {
        fake.Answers = _ => Task.FromResult<(int, string)?>(null);
        var fault = (await Ask())!;
        Assert.Equal((false, "The compute service can't be asked: it did not answer within 2 s"), (fault.NothingDone, fault.Message));
        Assert.Single(fake.Asked);
    }

    [Fact]
    public async Task Where_nobody_listens_it_was_not_asked_and_may_be_later()
    {
        var settings = fake.Settings();
        await fake.DisposeAsync();
        using var nova = new Nova(settings, TimeProvider.System, lines);
        var fault = await Assert.ThrowsAsync<FaultException>(() => nova.TakeSnapshot(V, S, "f", TestContext.Current.CancellationToken));
        Assert.Equal((true, true), (fault.NothingDone, fault.Fault.Transient));
    }

    [Fact]
    public async Task A_catalogue_without_it_and_a_region_that_there_is_not_are_told()
    {
        Assert.Contains("in region three", (await Ask("region_name = three"))!.Message, StringComparison.Ordinal);
        fake.Catalogue = ["volumev3"];
        var fault = (await Ask())!;
        Assert.Equal((true, "Keystone's catalogue has no public endpoint of a service compute."), (fault.NothingDone, fault.Message));
        Assert.Empty(fake.Asked);
    }

    [Fact]
    public async Task A_token_that_is_good_no_more_is_asked_for_anew_once()
    {
        fake.Forgets = true;
        Assert.Null(await Ask());
        Assert.Equal((2, 1), (fake.SignIns, fake.Asked.Count));
    }

    [Fact]
    public async Task A_wrong_password_is_no_reason_to_give_up_what_was_begun()
    {
        var fault = (await Ask($"password = wrong"))!;
        Assert.Equal((true, true), (fault.NothingDone, fault.Fault.Transient));
        Assert.DoesNotContain(FakeNova.Password, string.Join('\n', lines.All), StringComparison.Ordinal);
    }
}
