using Clinker.Conformance.BadInput;
using Xunit;

namespace Clinker.Conformance.Roles;

/// <summary>A daemon whose operator has turned three rules round.</summary>
public sealed class ThingsUnderTurnedRules : ThingsOfAProject
{
    protected override string More()
    {
        File.WriteAllText(System.IO.Path.Combine(State, "policy.yaml"), """
            "volume:create": "role:reader and project_id:%(project_id)s"
            "volume:get_all": "rule:admin_api"
            "volume_extension:type_create": "rule:xena_system_admin_or_project_member"
            """);
        return $"[oslo_policy]\npolicy_file = {System.IO.Path.Combine(State, "policy.yaml")}";
    }
}

/// <summary>Every route under rules that were turned round: those three are for whom they say now, all others for whom they were.</summary>
public sealed class TurnedTests(ThingsUnderTurnedRules things) : IClassFixture<ThingsUnderTurnedRules>
{
    static readonly Dictionary<string, string[]> Turned = new()
    {
        ["volume:create"] = ["reader"],
        ["volume:get_all"] = ["admin"],
        ["volume_extension:type_create"] = ["member", "admin"],
    };

    /// <summary>Routes that ask a turned rule besides their own.</summary>
    static readonly Dictionary<string, string> AskToo = new() { ["backup_restore"] = "volume:create" };

    [Fact]
    public async Task Each_route_is_for_whom_the_rules_say_now()
    {
        var walk = new RoleWalk(things);
        var wrong = new List<string>();
        foreach (var route in RouteCases.All)
        {
            var may = RoleWalk.May(route);
            if (route.Rule.Name is { } rule && Turned.TryGetValue(rule, out var turned)) may = turned;
            if (AskToo.TryGetValue(route.Name, out var also)) may = [.. may.Intersect(Turned[also])];
            await walk.Renew(route);
            foreach (var role in RoleWalk.Ladder)
            {
                var answer = await walk.Ask(route, $"bob:admin:{RoleWalk.RolesOf(role)}");
                if (!RoleWalk.IsAsItMust(route, role, may.Contains(role), answer)) wrong.Add($"{route.Name} {role}: {answer}");
            }
        }
        Assert.Equal([], wrong);
    }

    /// <summary>Whoever may list volumes does so in his project; all projects' are for admins, whatever the rules of lists say.</summary>
    [Theory]
    [InlineData("backups", "reader")]
    [InlineData("snapshots", "reader")]
    [InlineData("groups", "member")]
    [InlineData("volume-transfers", "member")]
    [InlineData("attachments", "nobody")]
    public async Task All_projects_are_for_admins_only(string collection, string role)
    {
        Assert.NotEmpty(await Listed("eve:other:admin"));
        Assert.Empty(await Listed($"eve:other:{role}"));

        async Task<System.Text.Json.Nodes.JsonArray> Listed(string token)
        {
            var answer = await things.As(token).Get($"/v3/{collection}?all_tenants=1&project_id=admin", "3.71");
            if (!token.EndsWith(":admin", StringComparison.Ordinal)) answer = await things.As(token).Get($"/v3/{collection}?all_tenants=1", "3.71");
            Assert.True(answer.Status == 200, answer.ToString());
            return answer.Json.AsObject().Single(m => !m.Key.EndsWith("_links", StringComparison.Ordinal)).Value!.AsArray();
        }
    }
}
