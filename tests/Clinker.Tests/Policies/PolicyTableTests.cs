using System.Text.Json;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Clinker.Tests.Configuration;
using Xunit;

namespace Clinker.Tests.Policies;

/// <summary><c>clinkerd policy list</c> and <c>check</c>.</summary>
public sealed class PolicyTableTests : IDisposable
{
    readonly Given given = new();
    readonly string configured;

    public PolicyTableTests()
    {
        var rules = given.Write("policy.yaml", """
            "volume:create": "role:storage and project_id:%(project_id)s"
            "volume:delete": "rule:admin_api or user_id:%(user_id)s"
            "volume:get_all": "rule:xena_system_admin_or_project_reader"
            """);
        configured = given.Write("c.conf", $"""
            [DEFAULT]
            enabled_backends = m
            [m]
            volume_driver = memory
            [oslo_policy]
            policy_file = {rules}
            """);
    }

    public void Dispose() => given.Dispose();

    string[] Lines(params string[] asked) => given.Printed(["policy", .. asked, "--config-file", configured]).Split('\n');

    static string Cells(string[] lines, string rule) => string.Join(' ', lines.Single(l => l.StartsWith(rule, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void A_list_says_how_far_each_may_by_the_files_of_the_configuration()
    {
        var lines = Lines("list");
        Assert.Equal("rule anyone reader member admin", Cells(lines, "rule "));
        Assert.Equal("volume:create* - - - -", Cells(lines, "volume:create*"));
        Assert.Equal("volume:delete* made made made all", Cells(lines, "volume:delete*"));
        Assert.Equal("volume:get_all - project project all", Cells(lines, "volume:get_all "));
        Assert.Equal("volume:extend - - project all", Cells(lines, "volume:extend "));
        Assert.Equal("volume:create* project", Cells(Lines("list", "--role", "Storage"), "volume:create*"));
        Assert.All(PolicyDefaults.All.Keys.Where(k => k.Contains(':', StringComparison.Ordinal)), k => Assert.Contains(lines, l => l.StartsWith(k, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_list_is_JSON_for_machines()
    {
        var all = JsonDocument.Parse(given.Printed("policy", "list", "--json", "--config-file", configured)).RootElement.EnumerateArray().ToDictionary(r => r.GetProperty("rule").GetString()!);
        Assert.False(all["volume:create"].GetProperty("default").GetBoolean());
        Assert.True(all["volume:get_all"].GetProperty("default").GetBoolean());
        Assert.Equal("role:storage and project_id:%(project_id)s", all["volume:create"].GetProperty("check").GetString());
        Assert.Equal("made", all["volume:delete"].GetProperty("may").GetProperty("member").GetString());
    }

    [Fact]
    public void A_check_says_why_and_its_code_says_whether()
    {
        var may = (Start.Print)given.Load("policy", "check", "volume:delete", "--role", "reader", "--config-file", configured);
        Assert.Equal((0, """
            with reader: volume:delete is allowed, for what the caller made
            volume:delete: rule:admin_api or user_id:%(user_id)s  (not as it is by default)
              admin_api: is_admin:True or role:admin and is_admin_project:True
            asked by DELETE /volumes/{id}

            """), (may.Code, may.Text));
        var mayNot = (Start.Print)given.Load("policy", "check", "volume:create", "--role", "member", "--config-file", configured);
        Assert.Equal(1, mayNot.Code);
        Assert.StartsWith("with member: volume:create is not allowed\n", mayNot.Text, StringComparison.Ordinal);
        Assert.Equal("there is no rule volume:creat: clinkerd policy list prints them all", Assert.Single(given.Errors("policy", "check", "volume:creat", "--config-file", configured)));
    }
}
