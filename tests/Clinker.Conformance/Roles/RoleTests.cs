using System.Text.RegularExpressions;
using Clinker.Conformance.BadInput;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Conformance.Roles;

/// <summary>A daemon that knows people by their roles, with one of each thing.</summary>
public class ThingsOfAProject : Things
{
    Tokens? tokens;

    /// <summary>Who made them.</summary>
    internal override Wire Wire => As("admin:admin:admin,member,reader");

    /// <summary>With another's token; null for none.</summary>
    internal Wire As(string? token) => new(Port) { Token = token };

    protected override string[] Configuration() => (tokens = new Tokens(FreePort())).Configure(this, More());

    /// <summary>Further options.</summary>
    protected virtual string More() => "";

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
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

    static readonly Dictionary<string, string[]> MadeOf = new()
    {
        ["snapshots"] = ["volumes"], ["backups"] = ["volumes"], ["groups"] = ["group_types"], ["group_snapshots"] = ["group_types", "groups"],
        ["cgsnapshots"] = ["consistencygroups"], ["attachments"] = ["volumes"], ["volume-transfers"] = ["volumes"], ["os-volume-transfer"] = ["volumes"],
    };

    [Theory, MemberData(nameof(Routes))]
    public async Task Is_for_whom_the_policy_says(string name)
    {
        var route = RouteCases.Of(name);
        var segment = route.Path.Split('/')[1];
        var least = route.Rule.Name?.StartsWith("clinker:", StringComparison.Ordinal) == true ? "admin" : Least[Key(route)];
        foreach (var made in (string[])[.. MadeOf.GetValueOrDefault(segment) ?? [], segment])
            if (Things.Segments.Contains(made)) await things.Renew(made); // a route before this may have taken them away

        Assert.Equal(401, (await Ask(null)).Status);
        Assert.Equal(401, (await Ask("no such token")).Status);
        Assert.Equal(400, (await Ask("eve:other:admin,member,reader")).Status); // the path is another project's
        foreach (var role in Ladder)
        {
            var roles = role == "anyone" ? "nobody" : role;
            var mine = await Ask($"bob:admin:{roles}");
            if (Array.IndexOf(Ladder, role) < Array.IndexOf(Ladder, least))
                // What may not even be seen is not there; what may be seen may be forbidden.
                Assert.True(mine.Status == 403 || (mine.Status == 404 && role == "anyone" && Owned.Contains(segment)), $"{role}: {mine}");
            else Assert.False(mine.Status is 401 or 403, $"{role}: {mine}");
            if (route.Path.Contains('{', StringComparison.Ordinal) && Owned.Contains(segment) && role != "admin" && !route.Path.EndsWith("/accept", StringComparison.Ordinal))
            {
                var foreign = await Ask($"eve:other:{roles}", "/v3/other/");
                Assert.True(foreign.Status == 404 || (foreign.Status == 403 && Array.IndexOf(Ladder, role) < Array.IndexOf(Ladder, least)), $"foreign {role}: {foreign}");
                Assert.DoesNotContain("kept", foreign.Text, StringComparison.Ordinal);
            }
        }

        Task<Answer> Ask(string? token, string below = "/v3/admin/")
        {
            var body = RouteCases.TakesBody(route) || route.Key is not null
                ? BodySchema.All.TryGetValue(route.Name, out var schema) ? schema.Sample : route.Key is { } key ? $$"""{"{{key}}": {} }""" : null
                : null;
            return things.As(token).Send(route.Method, things.Path(route).Replace("/v3/admin/", below, StringComparison.Ordinal), WithIds(body), "3.71");
        }
    }

    /// <summary>A sample about what there is.</summary>
    string? WithIds(string? body) => body is null ? null : Reference().Replace(body, m =>
        $"\"{m.Groups[1].Value}\": \"{things.Id(m.Groups[1].Value switch { "volume_id" or "volume_uuid" => "volumes", "group_id" => "groups", _ => "consistencygroups" })}\"");

    [GeneratedRegex("\"(volume_id|volume_uuid|group_id|consistencygroup_id)\": \"[0-9a-f-]{36}\"")]
    private static partial Regex Reference();

    [Fact]
    public void Every_route_of_the_API_is_there() =>
        Assert.Equal([], Least.Keys.Except(RouteCases.All.Select(Key)).Order(StringComparer.Ordinal));

    static string Key(Route route) => $"{route.Method} {Variable().Replace(route.Path, "{}")}{(route.Key is { } key ? " " + key : "")}";

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Variable();
}
