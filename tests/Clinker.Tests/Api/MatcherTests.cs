using Clinker.Server.Api;
using Clinker.Server.Routes;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class MatcherTests
{
    static readonly RouteTable Table = AllRoutes.Table();

    [Theory]
    [InlineData("GET", "/abc/volumes", "volume_list", "abc", null)]
    [InlineData("GET", "/volumes", "volume_list", null, null)]
    [InlineData("GET", "/abc/volumes.json", "volume_list", "abc", null)]
    [InlineData("GET", "/abc/volumes/detail", "volume_list_detail", "abc", null)]
    [InlineData("GET", "/abc/volumes/v1", "volume_show", "abc", "v1")]
    [InlineData("GET", "/abc/volumes/v1.json", "volume_show", "abc", "v1")]
    [InlineData("DELETE", "/abc/volumes/detail", "volume_delete", "abc", "detail")]
    [InlineData("GET", "/volumes/volumes", "volume_show", null, "volumes")]
    [InlineData("PUT", "/abc/os-services/disable-log-reason", "service_disable_log_reason", "abc", null)]
    [InlineData("GET", "/types/default", "type_show", null, "default")]
    public void Finds_the_route(string method, string path, string name, string? project, string? id)
    {
        var match = Table.Find(method, path);
        Assert.NotNull(match);
        Assert.Equal(name, match.Value.Endpoint.For(Microversion.Latest).Name);
        Assert.Equal(project, match.Value.Project);
        Assert.Equal(id, match.Value.Arg0);
    }

    [Fact]
    public void Keys_may_hold_an_encoded_slash()
    {
        var match = Table.Find("GET", "/abc/volumes/v1/metadata/a%2Fb")!.Value;
        Assert.Equal(("v1", "a/b"), (match.Arg0, match.Arg1));
    }

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("GET", "/abc")]
    [InlineData("GET", "/abc/")]
    [InlineData("GET", "/abc/volumes/")]
    [InlineData("GET", "/abc/volumes/v1/")]
    [InlineData("GET", "/abc/nonsense")]
    [InlineData("PATCH", "/abc/volumes")]
    [InlineData("POST", "/abc/volumes/v1")]
    [InlineData("GET", "/abc/def/volumes")]
    [InlineData("GET", "//volumes")]
    [InlineData("GET", "/abc//volumes")]
    [InlineData("GET", "/a b/volumes")]
    public void Finds_nothing(string method, string path) => Assert.Null(Table.Find(method, path));

    [Fact]
    public void Actions_are_told_apart_by_key_and_version()
    {
        var endpoint = Table.Find("POST", "/abc/types/t1/action")!.Value.Endpoint;
        Assert.Equal("type_access_add", endpoint.For(Microversion.First, "addProjectAccess").Name);
        var refusal = Assert.Throws<Refusal>(() => endpoint.For(Microversion.First, "fly"));
        Assert.StartsWith("There is no such action: fly.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_route_younger_than_the_request_is_not_there() =>
        Assert.Equal(404, Assert.Throws<Refusal>(() => Table.Find("GET", "/abc/volumes/summary")!.Value.Endpoint.For(new(11))).Status);
}
