using System.Text.RegularExpressions;
using Clinker.Conformance.BadInput;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Roles;

/// <summary>A daemon that knows people by their roles, with one of each thing.</summary>
public sealed partial class ThingsOfAProject : Things
{
    static readonly Dictionary<string, string[]> MadeOf = new()
    {
        ["snapshots"] = ["volumes"], ["backups"] = ["volumes"], ["groups"] = ["group_types"], ["group_snapshots"] = ["group_types", "groups"],
        ["cgsnapshots"] = ["consistencygroups"], ["attachments"] = ["volumes"], ["volume-transfers"] = ["volumes"], ["os-volume-transfer"] = ["volumes"],
    };

    Tokens? tokens;

    /// <summary>Who made them.</summary>
    internal override Wire Wire => As("admin:admin:admin,member,reader");

    /// <summary>With another's token; null for none.</summary>
    internal Wire As(string? token) => new(Port) { Token = token };

    /// <summary>What a route is about, made anew: a route before this may have taken it away.</summary>
    internal async Task Renewed(string segment)
    {
        foreach (var made in (string[])[.. MadeOf.GetValueOrDefault(segment) ?? [], segment])
            if (Segments.Contains(made)) await Renew(made);
    }

    /// <summary>Asks as whom a token says, with a body that may be accepted.</summary>
    internal Task<Answer> Ask(Route route, string? token, string below = "/v3/admin/")
    {
        var body = RouteCases.TakesBody(route) || route.Key is not null
            ? BodySchema.All.TryGetValue(route.Name, out var schema) ? schema.Sample : route.Key is { } key ? $$"""{"{{key}}": {} }""" : null
            : null;
        return As(token).Send(route.Method, Path(route).Replace("/v3/admin/", below, StringComparison.Ordinal), WithIds(body), "3.71");
    }

    /// <summary>A sample about what there is.</summary>
    string? WithIds(string? body) => body is null ? null : Reference().Replace(body, m =>
        $"\"{m.Groups[1].Value}\": \"{Id(m.Groups[1].Value switch { "volume_id" or "volume_uuid" => "volumes", "group_id" => "groups", _ => "consistencygroups" })}\"");

    [GeneratedRegex("\"(volume_id|volume_uuid|group_id|consistencygroup_id)\": \"[0-9a-f-]{36}\"")]
    private static partial Regex Reference();

    protected override string[] Configuration()
    {
        var identity = FreePort();
        tokens = new Tokens(identity);
        var file = System.IO.Path.Combine(State, "cinder.conf");
        File.WriteAllText(file, $"""
            [DEFAULT]
            auth_strategy = keystone
            state_path = {State}
            enabled_backends = d
            quota_volumes = -1
            quota_snapshots = -1
            quota_gigabytes = -1
            quota_groups = -1
            backup_driver = directory
            quota_backups = -1
            quota_backup_gigabytes = -1
            [database]
            connection = sqlite:///{Database}
            [keystone_authtoken]
            auth_url = http://127.0.0.1:{identity}
            auth_type = password
            username = cinder
            user_domain_name = Default
            password = secret
            project_name = service
            project_domain_name = Default
            www_authenticate_uri = http://identity.example.org
            [d]
            volume_driver = directory
            directory_paths = {System.IO.Path.Combine(State, "volumes")}
            """);
        Directory.CreateDirectory(System.IO.Path.Combine(State, "volumes"));
        return ["--config-file", file];
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (tokens is not null) await tokens.DisposeAsync();
    }
}

/// <summary>Every route, asked by people of every kind (<c>Roles.tsv</c>).</summary>
public sealed partial class RoleTests(ThingsOfAProject things) : IClassFixture<ThingsOfAProject>
{
    static readonly string[] Ladder = ["anyone", "reader", "member", "admin"];

    static readonly IReadOnlyDictionary<string, string> Least = Resource.Lines("Roles.tsv").ToDictionary(f => f[0], f => f[1]);

    public static TheoryData<string> Routes => RouteCases.Names(_ => true);

    /// <summary>Things that belong to a project: of another one's there is nothing to be seen.</summary>
    static readonly string[] Owned =
        ["volumes", "snapshots", "attachments", "volume-transfers", "os-volume-transfer", "groups", "group_snapshots", "consistencygroups", "cgsnapshots", "messages", "backups"];

    [Theory, MemberData(nameof(Routes))]
    public async Task Is_for_whom_the_policy_says(string name)
    {
        var route = RouteCases.Of(name);
        var segment = route.Path.Split('/')[1];
        await things.Renewed(segment);
        var least = route.Rule.Name?.StartsWith("clinker:", StringComparison.Ordinal) == true ? "admin" : Least[Key(route)];
        foreach (var none in (string?[])[null, "no such token"])
        {
            var refused = await things.Ask(route, none);
            Assert.Equal((401, "Keystone uri=\"http://identity.example.org\""), (refused.Status, refused.Header("WWW-Authenticate")));
        }
        Assert.Equal(400, (await things.Ask(route, "eve:other:admin,member,reader")).Status); // the path is another project's
        foreach (var role in Ladder)
        {
            var roles = role == "anyone" ? "nobody" : role;
            var mine = await things.Ask(route, $"bob:admin:{roles}");
            if (Array.IndexOf(Ladder, role) < Array.IndexOf(Ladder, least))
                // What may not even be seen is not there; what may be seen may be forbidden.
                Assert.True(mine.Status == 403 || (mine.Status == 404 && role == "anyone" && Owned.Contains(segment)), $"{role}: {mine}");
            else Assert.False(mine.Status is 401 or 403, $"{role}: {mine}");
            if (route.Path.Contains('{', StringComparison.Ordinal) && Owned.Contains(segment) && role != "admin" && !route.Path.EndsWith("/accept", StringComparison.Ordinal))
            {
                var foreign = await things.Ask(route, $"eve:other:{roles}", "/v3/other/");
                Assert.True(foreign.Status == 404 || (foreign.Status == 403 && Array.IndexOf(Ladder, role) < Array.IndexOf(Ladder, least)), $"foreign {role}: {foreign}");
                Assert.DoesNotContain("kept", foreign.Text, StringComparison.Ordinal);
            }
        }

    }

    [Fact]
    public void Every_route_of_the_API_is_there() =>
        Assert.Equal([], Least.Keys.Except(RouteCases.All.Select(Key)).Order(StringComparer.Ordinal));

    static string Key(Route route) => $"{route.Method} {Variable().Replace(route.Path, "{}")}{(route.Key is { } key ? " " + key : "")}";

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Variable();
}
