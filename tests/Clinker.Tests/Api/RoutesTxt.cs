using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>The API at a glance is checked in; a change that adds a route shows it there.</summary>
public sealed class RoutesTxt
{
    [Fact]
    public void Is_what_the_table_says() => Golden.Compare("routes.txt", AllRoutes.Table().Listing());

    [Fact]
    public void Names_are_said_once() =>
        Assert.All(AllRoutes.Table().Routes.GroupBy(r => r.Name), g => Assert.Single(g));
}
