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
public sealed class RoleTests(ThingsOfAProject things) : IClassFixture<ThingsOfAProject>
{
    readonly RoleWalk walk = new(things);

    public static TheoryData<string> Routes => RouteCases.Names(_ => true);

    [Theory, MemberData(nameof(Routes))]
    public async Task Is_for_whom_the_policy_says(string name)
    {
        var route = RouteCases.Of(name);
        var may = RoleWalk.May(route);
        await walk.Renew(route);

        foreach (var none in (string?[])[null, "no such token"])
        {
            var refused = await walk.Ask(route, none);
            Assert.Equal((401, "Keystone uri=\"http://identity.example.org\""), (refused.Status, refused.Header("WWW-Authenticate")));
        }
        Assert.Equal(400, (await walk.Ask(route, "eve:other:admin,member,reader")).Status); // the path is another project's
        foreach (var role in RoleWalk.Ladder)
        {
            var mine = await walk.Ask(route, $"bob:admin:{RoleWalk.RolesOf(role)}");
            Assert.True(RoleWalk.IsAsItMust(route, role, may.Contains(role), mine), $"{role}: {mine}");
            if (route.Path.Contains('{', StringComparison.Ordinal) && RoleWalk.IsOwned(route) && role != "admin" && !route.Path.EndsWith("/accept", StringComparison.Ordinal))
            {
                var foreign = await walk.Ask(route, $"eve:other:{RoleWalk.RolesOf(role)}", "/v3/other/");
                Assert.True(foreign.Status == 404 || (foreign.Status == 403 && !may.Contains(role)), $"foreign {role}: {foreign}");
                Assert.DoesNotContain("kept", foreign.Text, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Every_route_of_the_API_is_there() => Assert.Equal([], RoleWalk.Unrouted());
}
