using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Clinker.Tests.Api;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Policies;

/// <summary>Rules of a deployment, as who calls notices them.</summary>
public sealed class PolicyRouteTests
{
    /// <summary>The defaults with these in their place.</summary>
    internal static Watched<Policy> Only(params (string Name, string Text)[] rules) =>
        new(Policy.Default.With(rules.ToDictionary(r => r.Name, r => CheckParser.Parse(r.Text))));

    [Fact]
    public async Task What_only_its_maker_may_do_others_of_the_project_may_not()
    {
        var own = "user_id:%(user_id)s";
        await using var api = await RunningApi.Start(new()
        {
            Identity = RunningApi.ByToken,
            Policy = Only(("volume:delete", own), ("volume:update", own), ("volume:update_volume_metadata", own), ("volume:create_snapshot", own)),
        });
        string As(string user) => $"{user}:{RunningApi.Project}:member";
        var made = await api.Post("volumes", """{"volume": {"size": 1, "metadata": {"key": "value"}}}""", token: As("alice"));
        var id = made.Json.GetProperty("volume").GetProperty("id").GetString()!;
        await api.Available(id);
        foreach (var (user, may) in new[] { ("bob", false), ("alice", true) })
        {
            Assert.Equal(200, (await api.Get($"volumes/{id}", token: As(user))).Status);
            Assert.Equal(may ? 200 : 403, (await api.Put($"volumes/{id}", """{"volume": {"name": "new"}}""", token: As(user))).Status);
            Assert.Equal(may ? 200 : 403, (await api.Put($"volumes/{id}/metadata", """{"metadata": {"key": "new"}}""", token: As(user))).Status);
            Assert.Equal(may ? 202 : 403, (await api.Delete($"volumes/{id}", token: As(user))).Status);
        }
    }

    [Fact]
    public async Task Three_rules_turned_round_are_so_for_reader_member_and_admin()
    {
        await using var api = await RunningApi.Start(new()
        {
            Identity = RunningApi.ByToken,
            Policy = Only(("volume:get_all", "not role:reader"), ("volume:create", "role:reader"), ("volume_extension:type_create", "!")),
        });
        foreach (var (role, list, create, type) in new[] { ("reader", 403, 202, 403), ("member", 200, 403, 403), ("admin", 200, 403, 403) })
        {
            var token = $"u:{RunningApi.Project}:{role}";
            Assert.Equal(list, (await api.Get("volumes", token: token)).Status);
            Assert.Equal(create, (await api.Post("volumes", """{"volume": {"size": 1}}""", token: token)).Status);
            Assert.Equal(type, (await api.Post("types", """{"volume_type": {"name": "t"}}""", token: token)).Status);
        }
    }
}
