using Clinker.Server.Api;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Policies;

/// <summary>What a deployment says of the rules.</summary>
public sealed class PolicyFileTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-policy-").FullName;
    string File => Path.Combine(folder, "policy.yaml");
    string Folder => Path.Combine(folder, "policy.d");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static Caller With(params string[] roles) => new("ours", "alice", roles, roles.Contains("admin"));

    Policy Read(string text)
    {
        System.IO.File.WriteAllText(File, text);
        return PolicyFile.Read(new PolicyPlace(File, Folder).Found());
    }

    [Fact]
    public void The_defaults_are_Cinders()
    {
        var policy = Policy.Default;
        (string Rule, string Least)[] expected =
            [("volume:get", "reader"), ("volume:create", "member"), ("volume_extension:type_create", "admin"), ("backup:restore", "member")];
        string[] roles = ["nobody", "reader", "member", "admin"];
        foreach (var (rule, least) in expected)
            foreach (var role in roles)
            {
                var may = Array.IndexOf(roles, role) >= Array.IndexOf(roles, least);
                Assert.Equal(may, policy.Allows(rule, With(role), "ours", null));
                Assert.Equal(role == "admin", policy.Allows(rule, With(role), "theirs", null));
            }
        Assert.All(policy.Rules.Values, c => Assert.All(c.References, r => Assert.True(policy.Rules.ContainsKey(r))));
    }

    [Fact]
    public void A_rule_takes_the_defaults_place_and_others_stay()
    {
        var policy = Read("""
            # only operators make volumes
            "volume:create": "role:operator"
            own: project_id:%(project_id)s and user_id:%(user_id)s
            volume:delete: rule:own or rule:admin_api
            "volume:extend": []
            "volume:retype": [["role:member", "role:operator"], ["rule:own"]]
            """);
        Assert.True(policy.Allows("volume:create", With("operator"), "ours", null));
        Assert.False(policy.Allows("volume:create", With("admin"), "ours", null));
        Assert.True(policy.Allows("volume:delete", With("reader"), "ours", "alice"));
        Assert.False(policy.Allows("volume:delete", With("member"), "ours", "bob"));
        Assert.True(policy.Allows("volume:extend", With(), "theirs", null));
        Assert.True(policy.Allows("volume:retype", With("member", "operator"), "ours", "bob"));
        Assert.False(policy.Allows("volume:retype", With("member"), "ours", "bob"));
        Assert.True(policy.Allows("volume:get", With("reader"), "ours", null));
    }

    [Fact]
    public void A_changed_base_rule_changes_all_that_refer_to_it()
    {
        var policy = Read("admin_api: role:storage-admin");
        Assert.True(policy.Allows("volume_extension:type_create", With("storage-admin"), "ours", null));
        Assert.False(policy.Allows("volume_extension:type_create", With("admin"), "ours", null));
    }

    [Fact]
    public void A_former_name_stands_for_those_of_today_that_are_not_set()
    {
        var policy = Read("""
            "volume_extension:types_manage": "role:typist"
            "volume_extension:type_delete": "!"
            """);
        Assert.True(policy.Allows("volume_extension:type_create", With("typist"), "ours", null));
        Assert.True(policy.Allows("volume_extension:type_update", With("typist"), "ours", null));
        Assert.False(policy.Allows("volume_extension:type_delete", With("typist"), "ours", null));
    }

    [Theory]
    [InlineData("{\"volume:create\": \"role:operator\"}")]
    [InlineData("volume:create: 'role:operator'")]
    public void JSON_is_read_as_well(string text) => Assert.True(Read(text).Allows("volume:create", With("operator"), "ours", null));

    [Theory]
    [InlineData("")]
    [InlineData("# \"volume:create\": \"role:operator\"\n")]
    [InlineData("---\n")]
    public void A_file_that_says_nothing_changes_nothing(string text) => Assert.True(Read(text).Allows("volume:create", With("member"), "ours", null));

    [Theory]
    [InlineData("volume:create: role:a or", "line 1, volume:create: a check is missing at its end.")]
    [InlineData("a: b:c\nvolume:get: rule:nobody", "volume:get refers to the rule nobody, which there is not.")]
    [InlineData("a: rule:b\nb: rule:a", "refers to itself")]
    [InlineData("a: rule:a", "refers to itself")]
    [InlineData("- a", "a mapping of rules is expected")]
    [InlineData("*x : a\n*x : b", "line 1: anchors and aliases (& and *) are not read.")] // two aliases as keys are compared without end
    [InlineData("a: &x [*x]", "line 1: anchors and aliases (& and *) are not read.")]
    [InlineData("a: [[[[[[[[[b]]]]]]]]]", "line 1: it is nested too deeply.")]
    [InlineData("a: {b: c}", "a rule is text")]
    [InlineData("a: [[[b]]]", "holds checks")]
    [InlineData("a: 'http://example.org'", "asks another server")]
    [InlineData("a: b: c", "line 1")]
    [InlineData("context_is_admin: role:root or is_admin:True", "context_is_admin says who is_admin is: it can't ask for that itself")]
    [InlineData("context_is_admin: role:root or rule:admin_api", "says who is_admin is, and refers to admin_api")]
    public void A_wrong_file_is_refused_and_said_why(string text, string why) =>
        Assert.Contains(why, Assert.Throws<FormatException>(() => Read(text)).Message, StringComparison.Ordinal);

    /// <summary>Whoever goes down with it falls.</summary>
    [Fact]
    public void A_file_nested_without_end_is_refused() =>
        Assert.Contains("nested too deeply", Assert.Throws<FormatException>(() => Read("a: " + new string('[', 1_000_000))).Message, StringComparison.Ordinal);

    [Fact]
    public void Files_of_folders_come_later_and_the_last_one_counts()
    {
        Directory.CreateDirectory(Folder);
        System.IO.File.WriteAllText(Path.Combine(Folder, "10.yaml"), "volume:create: '!'");
        System.IO.File.WriteAllText(Path.Combine(Folder, "20.yaml"), "volume:create: role:last");
        System.IO.File.WriteAllText(Path.Combine(Folder, ".hidden.yaml"), "volume:create: not a check");
        Assert.True(Read("volume:create: role:first").Allows("volume:create", With("last"), "ours", null));
    }

    [Fact]
    public void A_change_is_seen_and_a_wrong_one_leaves_what_was()
    {
        var source = new Watched<Policy>("The rules", new PolicyPlace(File, Folder).Found, PolicyFile.Read, NullLogger.Instance);
        Is("member");
        Change("volume:create: role:one", 1, "one");
        Change("volume:create: role:two", 2, "two");
        Change("volume:create: role:a or", 3, "two"); // wrong
        Change("volume:create: role:three", 4, "three");
        System.IO.File.Delete(File);
        source.Look();
        Is("member");

        void Change(string text, int at, string role)
        {
            System.IO.File.WriteAllText(File, text);
            System.IO.File.SetLastWriteTimeUtc(File, new DateTime(2026, 1, 1, 0, 0, at, DateTimeKind.Utc));
            source.Look();
            Is(role);
        }

        void Is(string role) => Assert.True(source.Current.Allows("volume:create", With(role), "ours", null));
    }
}
