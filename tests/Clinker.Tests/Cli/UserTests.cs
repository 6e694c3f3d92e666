using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using Clinker.Cli;
using Clinker.Server.Api;
using Clinker.Server.Policies;
using Clinker.Server.Users;
using Clinker.Tests.Api;
using Clinker.Tests.Users;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary><c>clinker user</c>, and <c>clinker</c> as the client of a daemon that asks for passwords.</summary>
[SupportedOSPlatform("linux")]
public sealed class UserTests : IDisposable
{
    const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    const string Kept = "# storage people\nzoe:$2y$04$abcdefghijklmnopqrstu.W0UYgtNriuJmxq1PSeQclH97Cp7i/Ye: web=cook ; shop=reader\n\n# the rest\n";

    readonly Run run = new();

    public void Dispose() => run.Dispose();

    Task<int> User(params string[] words) => run.Clinker(["user", .. words, "--file", "htpasswd"]);

    Task<int> Add(string name, string password, params string[] words)
    {
        run.Input = password + "\nnot the password\n";
        return User(["add", name, "--password-stdin", .. words]);
    }

    IReadOnlyDictionary<string, User> ForTheDaemon()
    {
        var wrong = new List<string>();
        var users = UsersFile.Read(run.Path("htpasswd"), wrong);
        Assert.Empty(wrong);
        return users;
    }

    string Projects(string name) => string.Join(' ', ForTheDaemon()[name].Projects.Select(p => $"{p.ProjectId}={string.Join(',', p.Roles)}"));

    [Fact]
    public async Task Who_is_added_is_known_to_the_daemon_with_project_roles_and_password()
    {
        Assert.Equal(0, await Add("ann", "pässword", "--project", "web"));
        Assert.Equal(0, await Add("bob", "b", "--project", "office", "--role", "Admin", "--role", "storage-user"));
        Assert.Equal(("web=member", "office=admin,storage-user"), (Projects("ann"), Projects("bob")));
        Assert.Equal("", run.Out + run.Error);
        var passwords = new Passwords(UsersFileTests.Watching(run.Path("htpasswd"), NullLogger.Instance), TimeProvider.System);
        Assert.NotNull(await passwords.Find("ann", "pässword", default));
        Assert.Null(await passwords.Find("ann", "b", default));
        Assert.Equal(Own | UnixFileMode.GroupRead, File.GetUnixFileMode(run.Path("htpasswd")));
        Assert.Equal(["htpasswd"], Directory.GetFileSystemEntries(run.Directory).Select(Path.GetFileName)); // nothing is left beside it
    }

    [Fact]
    public async Task Comments_order_mode_and_other_lines_stay()
    {
        File.SetUnixFileMode(run.Write("htpasswd", Kept), Own);
        Assert.Equal(0, await Add("ann", "a", "--project", "web"));
        Assert.StartsWith(Kept + "ann:$2y$12$", run.Read("htpasswd"), StringComparison.Ordinal);
        Assert.Equal(Own, File.GetUnixFileMode(run.Path("htpasswd")));
        Assert.Equal(0, await User("remove", "ann"));
        Assert.Equal(Kept, run.Read("htpasswd"));
        Assert.Equal(0, await Add("ann", "a", "--project", "web"));
        Assert.Equal(0, await User("remove", "zoe"));
        Assert.StartsWith("# storage people\n\n# the rest\nann:$2y$12$", run.Read("htpasswd"), StringComparison.Ordinal);
        Assert.Equal(0, await User("add", "ann", "--project", "shop"));
        Assert.Equal("web=member shop=member", Projects("ann"));
    }

    [Fact]
    public async Task Who_is_there_gets_projects_and_roles_and_keeps_his_password_unless_it_is_given()
    {
        run.Write("htpasswd", Kept);
        var hash = ForTheDaemon()["zoe"].Hash;
        Assert.Equal(0, await User("add", "zoe", "--project", "new", "--role", "reader"));
        Assert.Equal(0, await User("add", "zoe", "--project", "web")); // hers already: her roles stay
        Assert.Equal(0, await User("add", "zoe", "--project", "shop", "--role", "member"));
        Assert.Equal(("web=cook shop=member new=reader", hash), (Projects("zoe"), ForTheDaemon()["zoe"].Hash));
        Assert.Equal(0, await Add("zoe", "new"));
        Assert.Equal("web=cook shop=member new=reader", Projects("zoe"));
        Assert.True(BCrypt.Net.BCrypt.Verify("new", ForTheDaemon()["zoe"].Hash));
        Assert.Equal(0, await Add("zoe", "newer", "--project", "more"));
        Assert.Equal("web=cook shop=member new=reader more=member", Projects("zoe"));
        Assert.True(BCrypt.Net.BCrypt.Verify("newer", ForTheDaemon()["zoe"].Hash));
    }

    [Fact]
    public async Task A_password_is_asked_for_twice()
    {
        run.Typed = new(["typed", "typed", "typed", "tipped"]);
        Assert.Equal(0, await User("add", "ann", "--project", "web"));
        Assert.True(BCrypt.Net.BCrypt.Verify("typed", ForTheDaemon()["ann"].Hash));
        Assert.Equal(["Password of ann: ", "The same again: "], run.Asked);
        Assert.Equal(1, await User("add", "ann"));
        Assert.Equal("These were two different passwords: nothing is changed.\n", run.Error);
        Assert.True(BCrypt.Net.BCrypt.Verify("typed", ForTheDaemon()["ann"].Hash));
        Assert.Equal(2, await User("add", "ann")); // no more is typed: there is no terminal
        Assert.Contains("--password-stdin", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "more than 72 bytes", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ann", "--project", "web")]
    [InlineData(1, "more than 72 bytes", "äääääääääääääääääääääääääääääääääääää", "ann", "--project", "web")]
    [InlineData(1, "An empty password is none", "", "ann", "--project", "web")]
    [InlineData(1, "no control characters", "a\tb", "ann", "--project", "web")]
    [InlineData(2, "--project says which project", "x", "ann")]
    [InlineData(2, "--project has to say where", "x", "zoe", "--role", "admin")]
    [InlineData(2, "none of them a colon", "x", "a:b", "--project", "web")]
    [InlineData(2, "no # in front", "x", "#ann", "--project", "web")]
    [InlineData(2, "can't be a project", "x", "ann", "--project", "a;b=admin")]
    [InlineData(2, "can't be a role", "x", "ann", "--project", "web", "--role", "a,b")]
    public async Task What_can_not_be_is_refused_and_changes_nothing(int exit, string why, string password, string name, params string[] words)
    {
        run.Write("htpasswd", Kept);
        Assert.Equal(exit, await Add(name, password, words));
        Assert.Contains(why, run.Error, StringComparison.Ordinal);
        Assert.Equal(Kept, run.Read("htpasswd"));
    }

    [Fact]
    public async Task What_is_no_users_file_is_left_alone()
    {
        run.Write("htpasswd", Kept + "ann:$2y$04$x\n");
        foreach (var code in new[] { await User("list"), await Add("bob", "b", "--project", "web"), await User("remove", "zoe") })
        {
            Assert.Equal(1, code);
            Assert.Contains(", line 5 is no user", run.Error, StringComparison.Ordinal);
        }
        Assert.Equal(Kept + "ann:$2y$04$x\n", run.Read("htpasswd"));
        File.WriteAllBytes(run.Path("htpasswd"), [.. "# J"u8, 0xf6, .. "rg\n"u8]);
        Assert.Equal(1, await Add("bob", "b", "--project", "web"));
        Assert.Contains("is not UTF-8", run.Error, StringComparison.Ordinal);
        run.Write("htpasswd", Kept);
        Assert.Equal(1, await User("remove", "nobody"));
        Assert.Contains("nobody is not in", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_has_projects_and_roles_and_no_hashes()
    {
        run.Write("htpasswd", Kept);
        await User("add", "zoe", "--project", "shop", "--role", "reader", "--role", "member");
        Assert.Equal(0, await User("list", "-f", "json"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""
            [{"Name": "zoe", "Project": "web", "Roles": ["cook"]}, {"Name": "zoe", "Project": "shop", "Roles": ["reader", "member"]}]
            """), JsonNode.Parse(run.Out)), run.Out);
        Assert.Equal(0, await User("list"));
        Assert.Contains("| zoe  | shop    | reader, member |", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("$2", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_clients_variables_and_clouds_yaml_sign_in()
    {
        Assert.Equal(0, await Add("ann", "päss:word", "--project", "web"));
        Assert.Equal(0, await Add("bob", "b", "--project", "shop"));
        var users = UsersFileTests.Watching(run.Path("htpasswd"), NullLogger.Instance);
        await using var api = await RunningApi.Start(new() { Identity = new BasicIdentity(users, new Passwords(users, TimeProvider.System), new(Policy.Default)).Of });
        using var ann = new Run(("OS_AUTH_TYPE", "http_basic"), ("OS_USERNAME", "ann"), ("OS_PASSWORD", "päss:word"), ("OS_ENDPOINT", $"{api.Address}/v3/web"));
        Assert.Equal(0, await ann.Clinker("volume", "create", "--size", "1", "v"));
        Assert.Equal(0, await ann.Clinker("volume", "list", "-f", "value", "-c", "Name"));
        Assert.Equal("v\n", ann.Out);
        using var bob = new Run(("OS_CLOUD", "here"));
        bob.Write("clouds.yaml", $$"""
            clouds:
              here:
                auth_type: http_basic
                auth: {username: bob, password: b, endpoint: "{{api.Address}}/v3"}
            """);
        Assert.Equal(0, await bob.Clinker("volume", "list", "-f", "value"));
        Assert.Equal("", bob.Out.Trim());
        Assert.Equal(1, await bob.Clinker("volume", "list", "--os-password", "wrong"));
        Assert.Contains("requires authentication. (HTTP 401)", bob.Error, StringComparison.Ordinal);
        using var nobody = new Run(("OS_AUTH_TYPE", "http_basic"), ("OS_ENDPOINT", $"{api.Address}/v3/web"));
        Assert.Equal(1, await nobody.Clinker("volume", "list"));
        Assert.Contains("http_basic needs a name and a password", nobody.Error, StringComparison.Ordinal);
    }
}
