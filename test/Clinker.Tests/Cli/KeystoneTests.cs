using System.Text.Json.Nodes;
using Clinker.Cli;
using Clinker.Cli.Cloud;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>Requests as the Identity API v3 reference has them.</summary>
public sealed class KeystoneTests
{
    static CloudSettings Settings(params (string, string)[] values) => new("c", values.ToDictionary(v => v.Item1, v => v.Item2));

    static void Same(string expected, JsonNode actual) => Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), actual.ToJsonString());

    [Fact]
    public void A_password_with_a_project() => Same("""
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "u", "domain": {"id": "default"}, "password": "p"}}},
         "scope": {"project": {"name": "t", "domain": {"name": "D"}}}}}
        """, Keystone.Request(Settings(("auth_url", "x"), ("username", "u"), ("password", "p"), ("project_name", "t"), ("project_domain_name", "D"))));

    [Fact]
    public void An_application_credential_has_its_scope_in_it() => Same("""
        {"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"secret": "s", "id": "i"}}}}
        """, Keystone.Request(Settings(("auth_url", "x"), ("application_credential_id", "i"), ("application_credential_secret", "s"), ("project_id", "p"))));

    [Fact]
    public void A_token_with_a_project_id() => Same("""
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "tok"}}, "scope": {"project": {"id": "p"}}}}
        """, Keystone.Request(Settings(("auth_url", "x"), ("token", "tok"), ("project_id", "p"))));

    [Fact]
    public void What_is_missing_is_named() =>
        Assert.Contains("OS_PASSWORD", Assert.Throws<CliFault>(() => Keystone.Request(Settings(("auth_url", "x"), ("username", "u")))).Message, StringComparison.Ordinal);

    static readonly JsonArray Catalog = (JsonArray)JsonNode.Parse("""
        [{"type": "identity", "endpoints": [{"interface": "public", "region": "A", "url": "http://k"}]},
         {"type": "volumev3", "endpoints": [
           {"interface": "public", "region": "A", "region_id": "A", "url": "http://a/v3/p"},
           {"interface": "internal", "region": "A", "region_id": "A", "url": "http://ai/v3/p"},
           {"interface": "public", "region": "B", "region_id": "B", "url": "http://b/v3/p"}]}]
        """)!;

    [Theory]
    [InlineData("public", "B", "http://b/v3/p")]
    [InlineData("internal", "", "http://ai/v3/p")]
    [InlineData("public", "", "http://a/v3/p")]
    public void The_catalog_is_searched_by_interface_and_region(string face, string region, string url) =>
        Assert.Equal(url, Keystone.Find(Catalog, Settings(("interface", face), ("region_name", region))));

    [Fact]
    public void What_the_catalog_has_not_is_told()
    {
        Assert.Contains("in C region not found", Assert.Throws<CliFault>(() => Keystone.Find(Catalog, Settings(("region_name", "C")))).Message, StringComparison.Ordinal);
        Assert.Contains("no block-storage", Assert.Throws<CliFault>(() => Keystone.Find([], Settings())).Message, StringComparison.Ordinal);
    }
}
