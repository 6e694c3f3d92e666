using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>A volume that its project gave away without its snapshots: those are the giver's, and the volume is the taker's.</summary>
public sealed class HandedOnTests(TwoProjects daemon) : IClassFixture<TwoProjects>
{
    readonly Tenant giver = daemon.Other, taker = daemon.Curious;

    [Fact]
    public async Task The_taker_gets_nothing_of_the_snapshots_and_changes_nothing_of_them()
    {
        await Type("another");
        var (volume, snapshot) = await HandedOn("__DEFAULT__");
        var before = await giver.Everything();

        Assert.Equal((404, 404, 200), ((await giver.Wire.Get($"/v3/volumes/{volume}")).Status, (await taker.Wire.Get($"/v3/snapshots/{snapshot}")).Status,
            (await giver.Wire.Get($"/v3/snapshots/{snapshot}")).Status));
        Assert.Equal("""{"snapshots":[]}""", (await taker.Wire.Get($"/v3/snapshots/detail?volume_id={volume}", "3.71")).Text);
        Assert.Equal(await Reverted(Marks.AbsentLike(snapshot)), await Reverted(snapshot));
        Assert.Equal(400, (await taker.Wire.Send("DELETE", $"/v3/volumes/{volume}?cascade=true", (string?)null)).Status);
        await Retyped(volume, "another");

        Assert.Equal(before, await giver.Everything());
        var copy = await giver.New("volumes", $$"""{"volume": {"snapshot_id": "{{snapshot}}"} }""", "volume");
        Assert.Equal("__DEFAULT__", (string)(await giver.Wire.Get($"/v3/volumes/{copy}")).Json["volume"]!["volume_type"]!);

        async Task<string> Reverted(string to) => Marks.Plain((await Act(volume, $$"""{"revert": {"snapshot_id": "{{to}}"} }""")).ToString(), to);
    }

    [Fact]
    public async Task A_type_that_only_a_kept_snapshot_has_is_in_use()
    {
        var type = await Type("kept");
        var (volume, _) = await HandedOn("kept");
        await Retyped(volume, "__DEFAULT__");
        Assert.Equal(400, (await daemon.Wire.Send("DELETE", $"/v3/types/{type}", (string?)null)).Status);
    }

    /// <summary>Makes a volume of a type with a snapshot, and gives it away without that.</summary>
    async Task<(string Volume, string Snapshot)> HandedOn(string type)
    {
        var volume = await giver.New("volumes", $$"""{"volume": {"size": 1, "volume_type": "{{type}}"} }""", "volume");
        var snapshot = await giver.New("snapshots", $$"""{"snapshot": {"volume_id": "{{volume}}"} }""", "snapshot");
        var offered = (await giver.Wire.Send("POST", "/v3/volume-transfers",
            $$"""{"transfer": {"volume_id": "{{volume}}", "no_snapshots": true} }""", "3.71")).Json["transfer"]!;
        Assert.Equal(202, (await taker.Wire.Send("POST", $"/v3/volume-transfers/{offered["id"]}/accept",
            $$"""{"accept": {"auth_key": "{{offered["auth_key"]}}"} }""", "3.71")).Status);
        return (volume, snapshot);
    }

    async Task Retyped(string volume, string type)
    {
        Assert.Equal(202, (await Act(volume, $$"""{"os-retype": {"new_type": "{{type}}"} }""")).Status);
        await daemon.Tables.AtRest();
        Assert.Equal(type, (string)(await taker.Wire.Get($"/v3/volumes/{volume}")).Json["volume"]!["volume_type"]!);
    }

    async Task<string> Type(string name) => (string)(await daemon.Wire.Send(
        "POST", "/v3/types", $$"""{"volume_type": {"name": "{{name}}"} }""", "3.71")).Json["volume_type"]!["id"]!;

    Task<Answer> Act(string volume, string body) => taker.Wire.Send("POST", $"/v3/volumes/{volume}/action", body, "3.71");
}
