using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Clinker.Host;
using Clinker.Tests.Api.Network;
using Xunit;

namespace Clinker.Live;

/// <summary>The published daemon under TLS and with limits, as the clients of others meet it.</summary>
public sealed class OpenNetwork(ITestOutputHelper output) : IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly string folder = Directory.CreateTempSubdirectory("clinker-network-").FullName;
    readonly Authority authority = new("live");
    readonly List<string> shown = [];
    Daemon daemon = null!;

    string Root => Path.Combine(folder, "root.pem");

    void Write(byte serial)
    {
        var (certificate, key) = authority.Issue("localhost", serial);
        File.WriteAllText(Path.Combine(folder, "cert.pem"), certificate + "\n" + authority.Middle);
        File.WriteAllText(Path.Combine(folder, "key.pem"), key);
    }

    public async ValueTask InitializeAsync()
    {
        File.WriteAllText(Root, authority.Root.ExportCertificatePem());
        Write(serial: 1);
        File.WriteAllText(Path.Combine(folder, "cinder.conf"), $"""
            [DEFAULT]
            state_path = {folder}
            volume_driver = directory
            directory_paths = {folder}/volumes
            osapi_volume_use_ssl = true
            report_interval = 2
            [ssl]
            cert_file = {folder}/cert.pem
            key_file = {folder}/key.pem
            [oslo_middleware]
            enable_proxy_headers_parsing = true
            [cors]
            allowed_origin = https://horizon.example.org
            [clinker]
            address_request_rate = 200
            project_request_rate = 100

            """);
        Directory.CreateDirectory(Path.Combine(folder, "volumes"));
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority.Root);
        var handler = new SocketsHttpHandler
        {
            PooledConnectionLifetime = TimeSpan.Zero,
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = policy,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                {
                    shown.Add(certificate!.GetSerialNumberString());
                    return errors == SslPolicyErrors.None;
                },
            },
        };
        daemon = new Daemon(folder, handler, ["--config-file", Path.Combine(folder, "cinder.conf")]);
        await daemon.Start();
    }

    async Task<ProcessResult> Run(params string[] command)
    {
        var result = await Processes.Run("env", command, Patience);
        output.WriteLine($"{string.Join(' ', command)}: {result.ExitCode}\n{result.Output}{result.Error}");
        return result;
    }

    [Fact]
    public async Task Clients_of_others_come_in_by_its_authority()
    {
        var missing = File.Exists("/usr/bin/cinder") && File.Exists("/usr/bin/openstack") ? null
            : "python3-cinderclient and python3-openstackclient are not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        string[] environment = ["OS_AUTH_TYPE=none", $"OS_ENDPOINT=https://localhost:{daemon.Port}/v3/admin"];
        Assert.Equal(0, (await Run([.. environment, $"OS_CACERT={Root}", "openstack", "volume", "create", "--size", "1", "v1"])).ExitCode);
        var list = await Run([.. environment, $"OS_CACERT={Root}", "openstack", "volume", "list"]);
        Assert.True(list.ExitCode == 0 && list.Output.Contains("v1", StringComparison.Ordinal), list.Error);
        Assert.NotEqual(0, (await Run([.. environment, "openstack", "volume", "list"])).ExitCode); // without it, he does not know who that is

        var rate = await Run("OS_AUTH_TYPE=noauth", "OS_PROJECT_ID=admin", $"CINDER_ENDPOINT=https://localhost:{daemon.Port}/v3", $"OS_CACERT={Root}", "cinder", "rate-limits");
        Assert.True(rate.ExitCode == 0 && rate.Output.Contains("SECOND", StringComparison.Ordinal) && rate.Output.Contains("100", StringComparison.Ordinal), rate.Error);

        var ours = await Run([.. environment, $"OS_CACERT={Root}", Daemon.Executable("clinker"), "volume", "list", "-f", "value", "-c", "name"]);
        Assert.True(ours.ExitCode == 0 && ours.Output.Contains("v1", StringComparison.Ordinal), ours.Error);
    }

    [Fact]
    public async Task Curl_knows_it_and_links_lead_back()
    {
        var url = $"https://localhost:{daemon.Port}/v3";
        foreach (var version in (string[])["--http1.1", "--http2", "--tls-max=1.2"])
        {
            var known = await Run(["curl", "-sS", "-D-", "--cacert", Root, .. version.Split('='), url]);
            Assert.True(known.ExitCode == 0, known.Error);
            Assert.StartsWith(version == "--http1.1" ? "HTTP/1.1 200" : "HTTP/2 200", known.Output, StringComparison.Ordinal);
            Assert.Contains($"\"{url}/\"", known.Output, StringComparison.Ordinal);
        }
        Assert.NotEqual(0, (await Run("curl", "-sS", url)).ExitCode);
        Assert.NotEqual(0, (await Run("curl", "-sS", $"http://localhost:{daemon.Port}/v3")).ExitCode);
        var behind = await Run("curl", "-sS", "--cacert", Root, "-H", "X-Forwarded-For: 198.51.100.1", "-H", "X-Forwarded-Host: cloud.example.org", url);
        Assert.Contains("\"https://cloud.example.org/v3/\"", behind.Output, StringComparison.Ordinal);
        var page = await Run("curl", "-sS", "-D-", "--cacert", Root, "-X", "OPTIONS", "-H", "Origin: https://horizon.example.org",
            "-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: x-auth-token", $"{url}/admin/volumes");
        Assert.Contains("access-control-allow-origin: https://horizon.example.org", page.Output.ToLowerInvariant(), StringComparison.Ordinal);
        Assert.DoesNotContain(daemon.Log.Split('\n'), l => l.Contains(" ERROR ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_renewed_certificate_is_shown_soon()
    {
        Write(serial: 2);
        for (var waited = Stopwatch.StartNew(); shown[^1] != "02"; await Task.Delay(200))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), daemon.Log);
            (await daemon.Http.GetAsync(new Uri("/v3", UriKind.Relative))).Dispose();
        }
        File.WriteAllText(Path.Combine(folder, "key.pem"), authority.Issue("localhost").Key);
        for (var waited = Stopwatch.StartNew(); !daemon.Log.Contains("The certificate and its key of before stay in force", StringComparison.Ordinal); await Task.Delay(200))
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), daemon.Log);
        (await daemon.Http.GetAsync(new Uri("/v3", UriKind.Relative))).EnsureSuccessStatusCode().Dispose();
        Assert.Equal("02", shown[^1]);
    }

    public async ValueTask DisposeAsync()
    {
        await daemon.DisposeAsync();
        authority.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
