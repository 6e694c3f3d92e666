using System.Net;
using System.Text.Json.Nodes;
using Clinker.Cli;
using Clinker.Cli.Cloud;
using Xunit;

namespace Clinker.Tests.Cli;

public sealed class ApiTests
{
    static string Said(HttpStatusCode status, string body, params (string, string)[] headers)
    {
        using var response = new HttpResponseMessage(status);
        foreach (var (name, value) in headers) response.Headers.Add(name, value);
        return ApiFault.Of(response, body).Message;
    }

    [Fact]
    public void A_fault_is_the_APIs_message_and_the_request_id()
    {
        Assert.Equal("Volume x could not be found. (HTTP 404) (Request-ID: req-7)",
            Said(HttpStatusCode.NotFound, """{"itemNotFound": {"code": 404, "message": "Volume x could not be found."}}""", ("x-openstack-request-id", "req-7")));
        Assert.Equal("The request you have made requires authentication. (HTTP 401)",
            Said(HttpStatusCode.Unauthorized, """{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}"""));
        Assert.Equal("Bad Gateway (HTTP 502)", Said(HttpStatusCode.BadGateway, "<html>proxy</html>"));
        Assert.Equal("Bad Request (HTTP 400)", Said(HttpStatusCode.BadRequest, "[1]"));
    }

    [Fact]
    public void A_name_means_one_thing()
    {
        JsonObject Thing(string id) => new() { ["id"] = id, ["name"] = "v" };
        Assert.Equal("1", (string?)Names.Only([Thing("1")], "volume", "v")["id"]);
        Assert.Equal("No volume with a name or ID of 'v' exists.", Assert.Throws<CliFault>(() => Names.Only([], "volume", "v")).Message);
        Assert.Equal("More than one volume exists with the name 'v'; use one of the IDs: 1, 2",
            Assert.Throws<CliFault>(() => Names.Only([Thing("1"), Thing("2")], "volume", "v")).Message);
    }

    [Fact]
    public void Queries_are_escaped_and_leave_out_what_is_not_said() =>
        Assert.Equal("?name=a%20b%26c&limit=1", BlockStorage.Query([("name", "a b&c"), ("status", null), ("limit", "1")]));
}
