using Xunit;

namespace Clinker.Conformance.Roles;

/// <summary>Every route, asked for the whole system: by a token of no project.</summary>
public sealed class SystemTests(ThingsOfAProject things) : IClassFixture<ThingsOfAProject>
{
    public static TheoryData<string> Routes => RouteCases.Names(_ => true);

    [Theory, MemberData(nameof(Routes))]
    public async Task Makes_nothing_that_is_nobody_s_for_an_admin_of_the_system(string name)
    {
        var route = RouteCases.Of(name);
        var walk = new RoleWalk(things);
        await walk.Renew(route);
        Assert.Equal(400, (await walk.Ask(route, "root::admin,member,reader")).Status); // the path is a project's
        var answer = await walk.Ask(route, "root::admin,member,reader", "/v3/");
        Assert.False(answer.Status is 401 or 500, answer.ToString());
        if (answer.Status == 403) Assert.Contains("A token of a project is needed.", answer.Text, StringComparison.Ordinal);
        await things.Tables.AtRest();
        Assert.Equal([], things.Tables.WithEmpty("project_id"));
        Assert.True((await walk.Ask(route, "eve::member,reader", "/v3/")).Status is 403 or 404 || route.Rule.Name is null, "a member of the system may do it");
    }
}
