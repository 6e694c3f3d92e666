using System.Text;
using Clinker.Server.Api;
using Clinker.Server.Configuration;
using Clinker.Server.Policies;
using Clinker.Server.Users;
using Clinker.Tests.Policies;
using Clinker.Tests.Users;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Callers by name and password: who is let in, where to, and how often a hash is computed for it.</summary>
public sealed class BasicIdentityTests : IAsyncLifetime
{
    /// <summary>Each password is the name with -pw behind it; by libxcrypt at the least cost, but for slow.</summary>
    const string Ann = "ann:$2y$04$abcdefghijklmnopqrstu.Jrw7j0wvOeSC3nmPtwkCwJXS7DtAsQ.";
    const string Bob = "bob:$2y$04$abcdefghijklmnopqrstu.tsojZ.k6aYSL3FM2hFctuAUifSdEUwe";
    const string Eve = "eve:$2y$04$abcdefghijklmnopqrstu.ZxeN19Cx5.VUhTQnZd/x9bsgcIuK.Hm";
    const string Zoe = "zoe:$2y$04$abcdefghijklmnopqrstu.W0UYgtNriuJmxq1PSeQclH97Cp7i/Ye";
    const string ZoesNew = "zoe:$2y$04$abcdefghijklmnopqrstu.Jrw7j0wvOeSC3nmPtwkCwJXS7DtAsQ."; // ann-pw

    static readonly string Everybody = $"""
        ann:{Ann[4..]}:{RunningApi.Project}=Member;shop=reader
        bob:{Bob[4..]}:shop=reader;{RunningApi.Project}=reader
        eve:{Eve[4..]}:office=ADMIN
        zoe:{Zoe[4..]}:{RunningApi.Project}=cook

        """;

    readonly string file = Path.GetTempFileName();
    readonly FakeTimeProvider time = new();
    readonly LogLines log = new();
    Watched<IReadOnlyDictionary<string, User>> users = null!;
    Passwords passwords = null!;
    RunningApi api = null!;
    int written;

    public async ValueTask InitializeAsync()
    {
        Write(Everybody);
        users = UsersFileTests.Watching(file, log);
        passwords = new Passwords(users, time);
        var identity = new BasicIdentity(users, passwords, new(Policy.Default));
        api = await RunningApi.Start(new() { Identity = identity.Of, HasProject = identity.HasProject });
    }

    public async ValueTask DisposeAsync()
    {
        await api.DisposeAsync();
        File.Delete(file);
    }

    /// <summary>As the next two seconds' look finds it.</summary>
    void Write(string text)
    {
        File.WriteAllText(file, text);
        File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 1, 0, 0, ++written, DateTimeKind.Utc));
        users?.Look();
    }

    static string Basic(string pair) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(pair));

    Task<Answered> Ask(string pair, string path = "volumes", string method = "GET", string? body = null) =>
        api.Send(method, path, body, "3.71", null, ("Authorization", Basic(pair)));

    async Task<int> Status(string pair, string path = "volumes") => (await Ask(pair, path)).Status;

    Task<Answered> Create(string pair, string path = "volumes") => Ask(pair, path, "POST", """{"volume": {"size": 1}}""");

    [Fact]
    public async Task Roles_are_those_of_the_project_whatever_their_case()
    {
        Assert.Equal(202, (await Create("ann:ann-pw")).Status);
        Assert.Equal(403, (await Create("bob:bob-pw")).Status);
        Assert.Equal(403, (await Create("ann:ann-pw", "/v3/shop/volumes")).Status);
        Assert.Equal(200, await Status("bob:bob-pw"));
        Assert.Equal(403, await Status("zoe:zoe-pw"));
        Assert.Equal(403, await Status("ann:ann-pw", "os-services"));
        Assert.Equal(200, await Status("eve:eve-pw", "/v3/office/os-services"));
        var all = (await Ask("eve:eve-pw", "/v3/office/volumes/detail?all_tenants=1")).Json.GetProperty("volumes")[0];
        Assert.Equal((RunningApi.Project, "ann"), (all.GetProperty("os-vol-tenant-attr:tenant_id").GetString(), all.GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task Each_sees_his_own_project_and_no_path_leads_to_anothers()
    {
        var made = (await Create("ann:ann-pw")).Json.GetProperty("volume").GetProperty("id").GetString();
        Assert.Equal(200, await Status("bob:bob-pw", $"volumes/{made}"));
        Assert.Equal(404, await Status("bob:bob-pw", $"/v3/shop/volumes/{made}"));
        foreach (var path in new[] { $"/v3/office/volumes/{made}", "/v3/nowhere/volumes" })
        {
            var answer = await Ask("bob:bob-pw", path);
            Assert.Equal((400, "Malformed request url"), (answer.Status, answer.Message));
        }
        Assert.Equal(400, await Status("eve:eve-pw")); // as with Keystone: an admin of office asks there for all
    }

    [Fact]
    public async Task A_path_without_a_project_means_the_first_one()
    {
        Assert.Equal(202, (await Create("ann:ann-pw", "/v3/volumes")).Status);
        Assert.Equal(1, (await Ask("ann:ann-pw", "/v3/volumes")).Json.GetProperty("volumes").GetArrayLength());
        Assert.Equal(0, (await Ask("bob:bob-pw", "/v3/volumes")).Json.GetProperty("volumes").GetArrayLength());
    }

    [Fact]
    public async Task Without_a_good_password_one_is_asked_for()
    {
        foreach (var header in (string?[])[null, "Basic", "Basic !", "Bearer x", Basic("ann"), Basic("ann:"), Basic(":ann-pw"), Basic("ann:bob-pw"), Basic("Ann:ann-pw"),
            Basic("nobody:ann-pw"), Basic("ann:ann-pw "), Basic("ann:ann-pw\0ann-pw"), "Basic " + Convert.ToBase64String([0xff, 0x3a, 0xff])])
        {
            (string, string)[] headers = header is null ? [] : [("Authorization", header)];
            var answer = await api.Send("GET", "volumes", headers: headers);
            Assert.Equal((401, "Basic realm=\"Block Storage API\", charset=\"UTF-8\""), (answer.Status, answer.Header("WWW-Authenticate")));
            Assert.Equal("""{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}""", answer.Text);
        }
        Assert.Equal(401, (await api.Send("GET", "volumes", token: "ann:ann-pw")).Status);
        Assert.Equal(200, (await api.Send("GET", "volumes", headers: ("Authorization", "bASIC " + Basic("ann:ann-pw")[6..]))).Status);
        Assert.Equal(200, (await api.Send("GET", "/healthcheck")).Status);
        Assert.Equal(200, (await api.Send("GET", "/v3/")).Status);
        Assert.Equal(300, (await api.Send("GET", "/")).Status);
    }

    [Fact]
    public async Task A_password_longer_than_bcrypt_sees_is_refused_instead_of_cut()
    {
        var answer = await Ask($"ann:{new string('ä', 36)}x");
        Assert.Equal(401, answer.Status);
        Assert.Contains("at most 72 bytes", answer.Message, StringComparison.Ordinal);
        Assert.Equal(0, passwords.Computed);
        Assert.DoesNotContain("72", (await Ask($"ann:{new string('ä', 36)}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_that_fits_is_computed_once_in_five_minutes()
    {
        for (var i = 0; i < 3; i++) Assert.Equal(200, await Status("ann:ann-pw"));
        Assert.Equal(1, passwords.Computed);
        time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, await Status("ann:ann-pw"));
        Assert.Equal(1, passwords.Computed);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(200, await Status("ann:ann-pw"));
        Assert.Equal(2, passwords.Computed);
    }

    [Fact]
    public async Task Many_who_bring_the_same_cost_one_computation()
    {
        var found = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => passwords.Find("ann", "ann-pw", default).AsTask()));
        Assert.All(found, u => Assert.Equal("ann", u?.Name));
        Assert.Equal(1, passwords.Computed);
    }

    [Fact]
    public async Task Who_is_not_there_costs_as_much_as_a_wrong_password_each_time()
    {
        foreach (var (pair, i) in new[] { "ann:wrong", "nobody:wrong", "nobody:wrong", "nobody:", "ann:wrong" }.Select((p, i) => (p, i)))
        {
            Assert.Equal(401, await Status(pair));
            Assert.Equal(i + 1, passwords.Computed);
        }
        Assert.Equal(200, await Status("ann:ann-pw")); // what was wrong before does not stand in the way
    }

    [Fact]
    public async Task An_unknown_name_with_somebodys_password_is_nobody_and_is_not_told_apart_by_its_cost()
    {
        Write($"{Ann}:{RunningApi.Project}=member\n"); // hers is what is computed for any other name
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal(401, await Status("nobody:ann-pw"));
            Assert.Equal(i, passwords.Computed);
        }
    }

    [Fact]
    public async Task Whoever_is_removed_is_out_with_the_next_look_and_new_roles_and_passwords_count()
    {
        Assert.Equal(200, await Status("ann:ann-pw"));
        Assert.Equal(200, await Status("bob:bob-pw"));
        Write($"{Bob}:{RunningApi.Project}=member\n{ZoesNew}:{RunningApi.Project}=member\n");
        Assert.Equal(401, await Status("ann:ann-pw"));
        Assert.Equal(202, (await Create("bob:bob-pw")).Status);
        Assert.Equal(401, await Status("zoe:zoe-pw"));
        Assert.Equal(200, await Status("zoe:ann-pw"));
        Write($"{Bob}:{RunningApi.Project}=member\n{Zoe}:{RunningApi.Project}=member\n");
        Assert.Equal(401, await Status("zoe:ann-pw"));
        Assert.Equal(200, await Status("zoe:zoe-pw"));
        Write("# nobody\n");
        Assert.Equal(401, await Status("bob:bob-pw"));
    }

    [Fact]
    public async Task A_file_that_becomes_wrong_changes_nothing()
    {
        Write($"ann:secret:{RunningApi.Project}=member\n");
        Assert.Equal(200, await Status("ann:ann-pw"));
        Assert.Equal(401, await Status("ann:secret"));
        Assert.Contains(", line 1: the password of ann is not hashed by bcrypt", log.All.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_too_many_wait_the_next_is_refused_and_who_is_known_goes_on()
    {
        Assert.NotNull(await passwords.Find("ann", "ann-pw", default));
        var waiting = Enumerable.Range(0, 1000).Select(i => passwords.Find("nobody", $"{i}", default).AsTask()).ToList();
        Assert.NotNull(await passwords.Find("ann", "ann-pw", default));
        try { await Task.WhenAll(waiting); }
        catch (Refusal) { /* counted below */ }
        Assert.All(waiting.Where(w => w.IsFaulted), w => Assert.Equal(503, ((Refusal)w.Exception!.InnerException!).Status));
        Assert.InRange(waiting.Count(w => w.IsFaulted), 1, 1000 - 128);
        Assert.NotNull(await passwords.Find("bob", "bob-pw", default));
    }

    [Fact]
    public async Task Default_types_are_set_for_projects_that_the_file_names()
    {
        Task<Answered> Set(string project) => Ask("eve:eve-pw", $"/v3/default-types/{project}", "PUT", """{"default_type": {"volume_type": "__DEFAULT__"}}""");
        Assert.Equal(200, (await Set("shop")).Status);
        Assert.Equal(404, (await Set("nowhere")).Status);
    }

    [Fact]
    public async Task A_deployment_may_say_who_is_an_admin()
    {
        var rules = PolicyRouteTests.Only(("context_is_admin", "role:cook"));
        await using var other = await RunningApi.Start(new() { Identity = new BasicIdentity(users, passwords, rules).Of, Policy = rules });
        foreach (var (pair, status) in new[] { ("zoe:zoe-pw", 200), ("eve:eve-pw", 403) })
            Assert.Equal(status, (await other.Send("GET", "/v3/os-services", headers: ("Authorization", Basic(pair)))).Status);
    }
}
