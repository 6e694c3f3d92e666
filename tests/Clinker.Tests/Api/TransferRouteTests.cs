using Clinker.Host;
using Clinker.Quotas;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class TransferRouteTests : IAsyncLifetime
{
    const string Receiver = "d4e5f6";
    static readonly string Donor = $"ann:{RunningApi.Project}:member";
    static readonly string Taker = $"bob:{Receiver}:member";

    RunningApi api = null!;

    public async ValueTask InitializeAsync() =>
        api = await RunningApi.Start(new() { Identity = RunningApi.ByToken, Quotas = new(Volumes: 2, Gigabytes: 20, PerVolumeGigabytes: 9, Snapshots: 2) });

    public ValueTask DisposeAsync() => api.DisposeAsync();

    async Task<string> Volume(int size = 1)
    {
        var id = await api.Volume(size: size);
        await api.Available(id);
        return id;
    }

    Task<string> Snapshot(string volume, int size = 1, string status = SnapshotStatus.Available) => api.Db.Commit(async tx =>
    {
        var snapshot = new Snapshot
        {
            Id = new Ids().New(), ProjectId = RunningApi.Project, UserId = "ann", VolumeId = volume, SizeGb = size, Status = status, CreatedAt = tx.Now,
        };
        await tx.Snapshots.Insert(snapshot);
        await tx.Quotas.Take(snapshot, QuotaLimits.None);
        return snapshot.Id;
    });

    Task<Answered> Offer(string volume, string more = "", string version = "3.71", string path = "volume-transfers") =>
        api.Post(path, $$"""{"transfer": {"volume_id": "{{volume}}", "name": " gift "{{more}}} }""", version, Donor);

    Task<Answered> Accept(Answered offer, string? key = null, string path = "volume-transfers", string? token = null) => api.Post(
        $"/v3/{Receiver}/{path}/{offer.Json.GetProperty("transfer").GetProperty("id").GetString()}/accept",
        $$"""{"accept": {"auth_key": "{{key ?? offer.Json.GetProperty("transfer").GetProperty("auth_key").GetString()}}"} }""", "3.71", token ?? Taker);

    static string Id(Answered answer) => answer.Json.GetProperty("transfer").GetProperty("id").GetString()!;

    static string Members(Answered answer) =>
        string.Join(" ", answer.Json.GetProperty("transfer").EnumerateObject().Select(m => m.Name).Order(StringComparer.Ordinal));

    Task<Volume?> Row(string id) => api.Db.Read(tx => tx.Volumes.Find(id));

    async Task QuotasAreRight() => Assert.Empty(await api.Db.Read(tx => tx.Quotas.Recount()));

    [Theory]
    [InlineData("volume-transfers")]
    [InlineData("os-volume-transfer")]
    public async Task A_volume_changes_hands_with_its_snapshots(string path)
    {
        var volume = await Volume(3);
        var snapshot = await Snapshot(volume, 3);
        var offer = await Offer(volume, path: path);
        Assert.Equal(202, offer.Status);
        Assert.Equal("accepted auth_key created_at destination_project_id id links name no_snapshots source_project_id volume_id", Members(offer));
        var transfer = offer.Json.GetProperty("transfer");
        Assert.Equal(("gift", 16), (transfer.GetProperty("name").GetString(), transfer.GetProperty("auth_key").GetString()!.Length));
        Assert.EndsWith($"/v3/{RunningApi.Project}/os-volume-transfer/{Id(offer)}", transfer.GetProperty("links")[0].GetProperty("href").GetString(), StringComparison.Ordinal);
        Assert.Equal(VolumeStatus.AwaitingTransfer, (await Row(volume))!.Status);
        Assert.DoesNotContain("auth_key", (await api.Get($"{path}/{Id(offer)}", "3.71", Donor)).Text, StringComparison.Ordinal);

        var accepted = await Accept(offer, path: path);
        Assert.Equal((202, "id links name volume_id"), (accepted.Status, Members(accepted)));
        var now = (await Row(volume))!;
        Assert.Equal((Receiver, "bob", VolumeStatus.Available), (now.ProjectId, now.UserId, now.Status));
        var kept = (await api.Db.Read(tx => tx.Snapshots.Find(snapshot)))!;
        Assert.Equal((Receiver, "bob"), (kept.ProjectId, kept.UserId));
        await QuotasAreRight();
        Assert.Equal(404, (await api.Get($"{path}/{Id(offer)}", null, Donor)).Status);
        Assert.Equal(404, (await Accept(offer)).Status);
        Assert.Equal(404, (await api.Get($"volumes/{volume}", null, Donor)).Status);
        Assert.Equal(200, (await api.Get($"/v3/{Receiver}/volumes/{volume}", null, Taker)).Status);
    }

    [Theory]
    [InlineData("3.54", "auth_key created_at id links name volume_id")]
    [InlineData("3.55", "auth_key created_at id links name no_snapshots volume_id")]
    [InlineData("3.57", "accepted auth_key created_at destination_project_id id links name no_snapshots source_project_id volume_id")]
    public async Task A_version_sees_what_it_knows(string version, string members) =>
        Assert.Equal(members, Members(await Offer(await Volume(), version: version)));

    [Fact]
    public async Task Snapshots_stay_behind_when_asked()
    {
        var volume = await Volume();
        var snapshot = await Snapshot(volume, status: SnapshotStatus.Deleting);
        Assert.Equal((400, $"Invalid snapshot: snapshot: {snapshot} status must be available"), await Refusal(Offer(volume)));
        Assert.Equal(400, (await Offer(volume, ", \"no_snapshots\": true", "3.54")).Status);
        Assert.Equal(400, (await Offer(volume, ", \"no_snapshots\": true", path: "os-volume-transfer")).Status);
        var offer = await Offer(volume, ", \"no_snapshots\": \"yes\"");
        Assert.True(offer.Json.GetProperty("transfer").GetProperty("no_snapshots").GetBoolean());
        Assert.Equal(202, (await Accept(offer)).Status);
        Assert.Equal(RunningApi.Project, (await api.Db.Read(tx => tx.Snapshots.Find(snapshot)))!.ProjectId);
        await QuotasAreRight();
    }

    [Fact]
    public async Task A_wrong_key_opens_nothing()
    {
        var volume = await Volume();
        var offer = await Offer(volume);
        Assert.Equal((400, $"Invalid auth key: Attempt to transfer {Id(offer)} with invalid auth key."), await Refusal(Accept(offer, "0123456789abcdef")));
        Assert.Equal(RunningApi.Project, (await Row(volume))!.ProjectId);
        var reader = await Accept(offer, token: $"bob:{Receiver}:reader");
        Assert.Equal(403, reader.Status);
        // The key is kept as its hash alone.
        var transfer = (await api.Db.Read(tx => tx.Transfers.Find(Id(offer))))!;
        Assert.Equal((8, 40), (transfer.Salt.Length, transfer.KeyHash.Length));
    }

    [Fact]
    public async Task The_receivers_quota_counts()
    {
        Assert.Equal((413, "VolumeSizeExceedsLimit: Requested volume size 9G is larger than maximum allowed limit 5G."), await Over(9, ("per_volume_gigabytes", 5)));
        Assert.Equal((413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            + "Requested 2G, quota is 1G and 0G has been consumed."), await Over(2, ("gigabytes", 1)));
        async Task<(int, string)> Over(int size, (string, int) limit)
        {
            var volume = await Volume(size);
            var offer = await Offer(volume);
            var (resource, most) = limit;
            await api.Db.Commit(tx => tx.Execute($"delete from quota_limit"));
            await api.Db.Commit(tx => tx.Execute($"insert into quota_limit (project_id, resource, most) values ({Receiver}, {resource}, {most})"));
            var refusal = await Refusal(Accept(offer));
            Assert.Equal((RunningApi.Project, VolumeStatus.AwaitingTransfer), ((await Row(volume))!.ProjectId, (await Row(volume))!.Status));
            await QuotasAreRight();
            return refusal;
        }
    }

    [Fact]
    public async Task The_snapshots_count_too()
    {
        var volume = await Volume();
        await Snapshot(volume);
        await Snapshot(volume);
        var offer = await Offer(volume);
        await api.Db.Commit(tx => tx.Execute($"insert into quota_limit (project_id, resource, most) values ({Receiver}, 'snapshots', 1)"));
        Assert.Equal((413, "SnapshotLimitExceeded: Maximum number of snapshots allowed (1) exceeded"), await Refusal(Accept(offer)));
        await QuotasAreRight();
    }

    [Fact]
    public async Task Of_those_who_come_at_once_one_gets_it()
    {
        var offer = await Offer(await Volume());
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Accept(offer)));
        Assert.Equal((1, 7), (all.Count(a => a.Status == 202), all.Count(a => a.Status == 404)));
        await QuotasAreRight();
    }

    public static TheoryData<string> OtherStatuses =>
        [.. typeof(VolumeStatus).GetFields().Select(f => (string)f.GetRawConstantValue()!).Where(s => !VolumeRules.OfferTransfer.Allows(s))];

    [Theory]
    [MemberData(nameof(OtherStatuses))]
    public async Task Only_what_is_available_is_offered(string status)
    {
        var volume = await Volume();
        await api.Available(volume, status);
        Assert.Equal((400, "Invalid volume: status must be available"), await Refusal(Offer(volume)));
    }

    [Fact]
    public async Task An_offer_is_taken_back()
    {
        var volume = await Volume();
        var offer = await Offer(volume);
        Assert.Equal(202, (await api.Delete($"volume-transfers/{Id(offer)}", null, Donor)).Status);
        Assert.Equal(VolumeStatus.Available, (await Row(volume))!.Status);
        Assert.Equal($"Transfer {Id(offer)} could not be found.", (await api.Delete($"volume-transfers/{Id(offer)}", null, Donor)).Message);
        // One whose volume an admin made available by force is void once there is another.
        var first = await Offer(volume);
        await api.Available(volume);
        var second = await Offer(volume);
        Assert.Equal((404, 202), ((await Accept(first)).Status, (await Accept(second)).Status));
    }

    [Fact]
    public async Task What_awaits_its_transfer_can_only_be_deleted_by_force()
    {
        var volume = await Volume();
        var offer = await Offer(volume);
        Assert.Equal(400, (await api.Delete($"volumes/{volume}", null, Donor)).Status);
        await api.Db.Commit(tx => tx.Volumes.SetHost(volume, null)); // no file: gone at once
        Assert.Equal(202, (await api.Post($"volumes/{volume}/action", """{"os-force_delete": {}}""")).Status);
        Assert.Equal(404, (await Accept(offer)).Status);
    }

    [Fact]
    public async Task Others_know_nothing_of_it()
    {
        var offer = await Offer(await Volume());
        var path = $"/v3/{Receiver}/volume-transfers";
        Assert.Equal(404, (await api.Get($"{path}/{Id(offer)}", null, Taker)).Status);
        Assert.Equal(404, (await api.Delete($"{path}/{Id(offer)}", null, Taker)).Status);
        Assert.Equal("""{"transfers":[]}""", (await api.Get($"{path}?all_tenants=1", null, Taker)).Text);
        var admin = $"root:{Receiver}:admin";
        Assert.Equal("""{"transfers":[]}""", (await api.Get(path, null, admin)).Text);
        Assert.Single((await api.Get($"{path}/detail?all_tenants=1", null, admin)).Json.GetProperty("transfers").EnumerateArray());
        Assert.Equal(200, (await api.Get($"{path}/{Id(offer)}", null, admin)).Status);
        Assert.Equal(404, (await api.Post(path, $$"""{"transfer": {"volume_id": "{{await Volume()}}"} }""", null, Taker)).Status);
    }

    [Fact]
    public async Task Lists_have_pages_since_3_59()
    {
        foreach (var name in (string[])["a", "b"])
            await api.Post("volume-transfers", $$"""{"transfer": {"volume_id": "{{await Volume()}}", "name": "{{name}}"} }""", null, Donor);
        Assert.Equal("a,b", Names(await api.Get("volume-transfers?limit=1", "3.58", Donor)));
        Assert.Equal("a,b", Names(await api.Get("os-volume-transfer?limit=1", "3.71", Donor)));
        var page = await api.Get("volume-transfers/detail?limit=1&sort=name:asc", "3.59", Donor);
        Assert.Equal("a", Names(page));
        var next = page.Json.GetProperty("transfers_links")[0].GetProperty("href").GetString()!;
        Assert.Equal("b", Names(await api.Get(next[api.Address.Length..], "3.59", Donor)));
        Assert.Equal("b", Names(await api.Get("volume-transfers?name=b", "3.71", Donor)));
        Assert.Equal("", Names(await api.Get("volume-transfers?nobody=b", "3.71", Donor)));
        Assert.Equal(404, (await api.Get("volume-transfers?marker=x", "3.59", Donor)).Status);
        Assert.Equal("id links name volume_id", string.Join(" ", (await api.Get("volume-transfers", "3.71", Donor)).Json.GetProperty("transfers")[0]
            .EnumerateObject().Select(m => m.Name).Order(StringComparer.Ordinal)));
        static string Names(Answered answer) =>
            string.Join(",", answer.Json.GetProperty("transfers").EnumerateArray().Select(t => t.GetProperty("name").GetString()));
    }

    static async Task<(int Status, string Message)> Refusal(Task<Answered> answer) => ((await answer).Status, (await answer).Message);
}
