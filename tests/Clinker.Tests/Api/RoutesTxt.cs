using Clinker.Server.Api;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>The API at a glance is checked in; a change that adds a route shows it there. GOLDEN=1 writes it anew.</summary>
public sealed class RoutesTxt
{
    [Fact]
    public void Is_what_the_table_says()
    {
        var path = Path.Combine(Root(AppContext.BaseDirectory), "api", "routes.txt");
        var now = AllRoutes.Table().Listing();
        if (Environment.GetEnvironmentVariable("GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, now);
        }
        Assert.Equal(File.ReadAllText(path), now);
    }

    [Fact]
    public void Names_are_said_once() =>
        Assert.All(AllRoutes.Table().Routes.GroupBy(r => r.Name), g => Assert.Single(g));

    static string Root(string from) => File.Exists(Path.Combine(from, "Clinker.slnx")) ? from : Root(Path.GetDirectoryName(from)!);
}
