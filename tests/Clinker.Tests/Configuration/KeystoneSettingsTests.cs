using System.Text;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class KeystoneSettingsTests
{
    const string Start = """
        [DEFAULT]
        enabled_backends = m
        auth_strategy = keystone
        osapi_volume_listen = 0.0.0.0
        [m]
        volume_driver = memory
        [keystone_authtoken]

        """;

    const string User = "username = cinder\nuser_domain_name = Default\npassword = sesame\nproject_name = service\nproject_domain_name = Default\n";

    [Fact]
    public void What_the_install_guide_writes_is_understood()
    {
        var settings = Given.Of(Start + User + """
            auth_uri = http://controller:5000
            auth_url = http://controller:35357/v2.0/
            memcached_servers = controller:11211
            region_name = RegionOne
            service_token_roles = Service
            token_cache_time = -1
            """);
        var keystone = settings.Keystone!;
        Assert.Equal("http://controller:35357/v3/", keystone.AuthUrl.ToString());
        Assert.Equal("http://controller:5000", keystone.WwwAuthenticateUri);
        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(5), "service"), (keystone.CacheTime, keystone.Deadline, Assert.Single(keystone.ServiceRoles)));
        Assert.Equal(
            """{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"cinder","domain":{"name":"Default"},"password":"sesame"}}},"scope":{"project":{"name":"service","domain":{"name":"Default"}}}}}""",
            Encoding.UTF8.GetString(keystone.SignIn));
        Assert.Contains(settings.Notes, n => n.Contains("memcached_servers is not needed", StringComparison.Ordinal));
        Assert.DoesNotContain("sesame", keystone.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://c:5000", "http://c:5000/v3/", "http://c:5000/")]
    [InlineData("https://c/identity/", "https://c/identity/v3/", "https://c/identity/")]
    [InlineData("https://c/identity/v3", "https://c/identity/v3/", null)]
    [InlineData("https://c/identity/v2.0/", "https://c/identity/v3/", null)]
    public void The_third_version_is_asked_and_looked_for_where_none_is_named(string written, string asked, string? first)
    {
        var keystone = Given.Of(Start + User + $"auth_url = {written}\ninterface = internal\n").Keystone!;
        Assert.Equal((asked, first), (keystone.AuthUrl.ToString(), keystone.Discovery?.ToString()));
    }

    [Fact]
    public void An_application_credential_needs_no_user() =>
        Assert.Equal("""{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"x","secret":"y"}}}}""",
            Encoding.UTF8.GetString(Given.Of(Start
                + "auth_url = http://c\nauth_type = v3applicationcredential\napplication_credential_id = x\napplication_credential_secret = y\n").Keystone!.SignIn));

    [Theory]
    [InlineData("", "[keystone_authtoken] auth_url: it has to be written with auth_strategy = keystone")]
    [InlineData("auth_url = controller:5000\n", "auth_url = controller:5000: accepted: a URL")]
    [InlineData("auth_url = http://c\nuser_domain_name =\nuser_domain_id =", "user_domain_name = : accepted")]
    [InlineData("auth_url = http://c\nauth_type = v3oidcpassword", "accepted: password, v3password, v3applicationcredential")]
    [InlineData("auth_url = http://c\ncafile = /nowhere/ca.pem", "it can't be read")]
    [InlineData("auth_url = http://c\ntoken_cache_time = -2", "accepted: a whole number, at least -1")]
    public void Refuses_what_can_not_be_meant(string lines, string words) =>
        Assert.Contains(Given.Wrong(Start + User + lines), e => e.Contains(words, StringComparison.Ordinal));

    [Fact]
    public void Tells_all_that_is_missing_to_sign_in()
    {
        var errors = Given.Wrong(Start + "auth_url = http://c\nusername = cinder\n");
        Assert.Equal(["user_domain_name", "project_name", "password"],
            errors.Select(e => e[(e.IndexOf(']') + 2)..e.IndexOf(':', e.IndexOf(']'))]));
    }

    [Fact]
    public void Without_keystone_the_section_may_stay_and_the_address_has_to_be_closed()
    {
        var settings = Given.Of(Start.Replace("= keystone", "= none", StringComparison.Ordinal).Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal) + User + "auth_url = http://c\n");
        Assert.Null(settings.Keystone);
        Assert.Contains("[keystone_authtoken] has no effect", Assert.Single(settings.Notes), StringComparison.Ordinal);
        Assert.Contains("may do everything", Assert.Single(Given.Wrong(Start.Replace("= keystone", "= none", StringComparison.Ordinal))), StringComparison.Ordinal);
    }
}
