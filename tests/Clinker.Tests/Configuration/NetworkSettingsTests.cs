using System.Net;
using Clinker.Tests.Api.Network;
using Xunit;

namespace Clinker.Tests.Configuration;

/// <summary>TLS, proxies, pages of other sites and limits, as a file says them.</summary>
public sealed class NetworkSettingsTests : IDisposable
{
    const string Start = "[DEFAULT]\nenabled_backends = m\n[m]\nvolume_driver = memory\n";

    readonly string folder = Directory.CreateTempSubdirectory("clinker-network-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void By_default_it_is_plain_and_nobody_is_believed()
    {
        var network = Given.Of(Start).Network;
        Assert.Equal((null, null, 0, 0, 10_000, 0), (network.Tls, network.Cors, network.AddressRate, network.ProjectRate, network.MaxConnections, network.MaxConnectionsPerAddress));
        Assert.Empty(network.TrustedProxies);
    }

    [Fact]
    public void Proxies_on_this_machine_are_believed_once_that_is_wanted()
    {
        var network = Given.Of(Start + "[oslo_middleware]\nenable_proxy_headers_parsing = true\n").Network;
        Assert.Equal([IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], network.TrustedProxies);
        network = Given.Of(Start + "[oslo_middleware]\nenable_proxy_headers_parsing = true\n[clinker]\ntrusted_proxies = 192.0.2.7, 10.0.0.0/8,fd00::/8\n").Network;
        Assert.Equal([IPNetwork.Parse("192.0.2.7/32"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("fd00::/8")], network.TrustedProxies);
        Assert.Empty(Given.Of(Start + "[clinker]\ntrusted_proxies = 10.0.0.0/8\n").Network.TrustedProxies);
    }

    [Fact]
    public void Pages_of_other_sites_get_what_Cinder_gives_them()
    {
        var cors = Given.Of(Start + "[cors]\nallowed_origin = https://horizon.example.org,https://other.example.org:8443\n").Network.Cors!;
        Assert.Equal(["https://horizon.example.org", "https://other.example.org:8443"], cors.Origins);
        Assert.Equal((true, 3600), (cors.Credentials, cors.MaxAge));
        Assert.Equal(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"], cors.Methods);
        Assert.Equal(["X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID", "OpenStack-API-Version"], cors.Expose);
        Assert.Contains("X-Auth-Token", cors.Headers);
        Assert.Null(Given.Of(Start + "[cors]\nmax_age = 5\n").Network.Cors);
    }

    [Theory]
    [InlineData("[clinker]\ntrusted_proxies = 10.0.0.0/33\n", "\"10.0.0.0/33\" is none; accepted: addresses and networks")]
    [InlineData("[clinker]\ntrusted_proxies = proxy.example.org\n", "\"proxy.example.org\" is none; accepted: addresses and networks")]
    [InlineData("[clinker]\naddress_request_rate = -1\n", "accepted: a whole number from 0 to 1000000")]
    [InlineData("[clinker]\nmax_connections = many\n", "accepted: a whole number, at least 0")]
    [InlineData("[cors]\nallowed_origin = https://horizon.example.org/\n", "\"https://horizon.example.org/\" is none; accepted: *, or sites")]
    [InlineData("[cors]\nexpose_headers = X-A\n b\n", "is none; accepted: names")]
    public void What_is_wrong_is_told(string lines, string words) =>
        Assert.Contains(words, Assert.Single(Given.Wrong(Start + lines)), StringComparison.Ordinal);

    [Fact]
    public void TLS_needs_a_certificate_and_its_key()
    {
        var missing = Given.Wrong(Tls(""));
        Assert.Equal(2, missing.Count);
        Assert.Contains("[ssl] cert_file: it has to be written with osapi_volume_use_ssl = true", missing[0], StringComparison.Ordinal);
        Assert.Contains("[ssl] key_file: it has to be written", missing[1], StringComparison.Ordinal);

        using var authority = new Authority("a");
        var (certificate, key) = authority.Issue("localhost");
        var (certFile, keyFile) = (Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
        File.WriteAllText(certFile, certificate);
        File.WriteAllText(keyFile, authority.Issue("localhost").Key);
        var files = $"[ssl]\ncert_file = {certFile}\nkey_file = {keyFile}\n";
        Assert.StartsWith($"[ssl] {keyFile}: there is no private key in it that belongs to the certificate in {certFile}",
            Assert.Single(Given.Wrong(Tls(files))), StringComparison.Ordinal);
        Assert.Null(Given.Of(Start + files).Network.Tls); // not asked for
        File.WriteAllText(keyFile, key);
        Assert.Equal(new(certFile, keyFile, null), Given.Of(Tls(files)).Network.Tls);
        Assert.Equal(new(certFile, keyFile, certFile), Given.Of(Tls($"ssl_ca_file = {certFile}\n" + files)).Network.Tls); // as older files have it
    }

    static string Tls(string more) => more.StartsWith('[')
        ? Start.Replace("[m]", "osapi_volume_use_ssl = true\n[m]", StringComparison.Ordinal) + more
        : Start.Replace("[m]", "osapi_volume_use_ssl = true\n" + more.Split("[ssl]")[0] + "[m]", StringComparison.Ordinal) + (more.Contains("[ssl]", StringComparison.Ordinal) ? "[ssl]" + more.Split("[ssl]")[1] : "");
}
