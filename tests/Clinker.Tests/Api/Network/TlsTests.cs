using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Clinker.Server.Api;
using Clinker.Server.Api.Network;
using Clinker.Server.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Api.Network;

/// <summary>The API under TLS, with certificates of an authority of the test's own.</summary>
public sealed class TlsTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-tls-").FullName;
    readonly Authority authority = new("one");
    readonly LogLines lines = new();

    string Certificate => Path.Combine(folder, "cert.pem");
    string Key => Path.Combine(folder, "key.pem");
    string Authorities => Path.Combine(folder, "ca.pem");

    void Write((string Certificate, string Key) pair, string? middle = null)
    {
        File.WriteAllText(Certificate, pair.Certificate + "\n" + (middle ?? authority.Middle));
        File.WriteAllText(Key, pair.Key);
    }

    /// <summary>As the daemon does.</summary>
    Watched<SslServerAuthenticationOptions> Source(bool clients = false)
    {
        var files = new TlsFiles(Certificate, Key, clients ? Authorities : null);
        return new("The certificate and its key", () => files.All, _ => files.Options(), lines);
    }


    /// <summary>A client that trusts the authority's root, and notes which certificates it was shown.</summary>
    SocketsHttpHandler Handler(List<string>? shown = null, X509Certificate2? own = null, bool newEachTime = false)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority.Root);
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = policy,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                {
                    shown?.Add(certificate!.GetSerialNumberString());
                    return errors == SslPolicyErrors.None;
                },
            },
        };
        if (own is not null) handler.SslOptions.ClientCertificates = [own];
        if (newEachTime) handler.PooledConnectionLifetime = TimeSpan.Zero;
        return handler;
    }

    [Theory]
    [InlineData(false, "1.1")]
    [InlineData(false, "2.0")]
    [InlineData(true, "1.1")]
    public async Task Requests_go_through_it_and_links_say_so(bool rsa, string version)
    {
        Write(authority.Issue("localhost", rsa: rsa));
        await using var api = await RunningApi.Start(new() { Tls = Source() }, handler: Handler());
        Assert.StartsWith("https://127.0.0.1:", api.Address, StringComparison.Ordinal);
        var id = await api.Volume();
        using var client = new HttpClient(Handler()) { DefaultRequestVersion = Version.Parse(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await client.GetAsync($"{api.Address}/v3/{RunningApi.Project}/volumes/{id}");
        Assert.Equal((HttpStatusCode.OK, Version.Parse(version)), (answer.StatusCode, answer.Version));
        Assert.Contains($"\"{api.Address}/v3/{RunningApi.Project}/volumes/{id}\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var body = new StringContent($$"""{"volume": {"size": 1, "name": "{{new string('n', 200)}}", "description": "{{new string('d', 60_000)}}"} }""", null, "application/json");
        using var refused = await client.PostAsync($"{api.Address}/v3/{RunningApi.Project}/volumes", body);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode); // it came as it was sent, and is too long
    }

    [Fact]
    public async Task Long_answers_come_whole_to_many_at_once()
    {
        Write(authority.Issue("localhost"));
        await using var api = await RunningApi.Start(new() { Tls = Source() }, handler: Handler());
        for (var i = 0; i < 10; i++) await api.Volume(new string('v', 200));
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => api.Get("volumes/detail")));
        Assert.All(all, a => Assert.Equal(10, a.Json.GetProperty("volumes").GetArrayLength()));
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls13, true)]
#pragma warning disable SYSLIB0039, CA5397 // that it is refused
    [InlineData(SslProtocols.Tls11, false)]
#pragma warning restore SYSLIB0039, CA5397
    public async Task It_is_of_today(SslProtocols protocol, bool taken)
    {
        Write(authority.Issue("localhost"));
        var handler = Handler();
        handler.SslOptions.EnabledSslProtocols = protocol;
        await using var api = await RunningApi.Start(new() { Tls = Source() }, handler: handler);
        if (taken) Assert.Equal(200, (await api.Get("volumes")).Status);
        else await Assert.ThrowsAsync<HttpRequestException>(() => api.Get("volumes"));
    }

    [Fact]
    public async Task Who_does_not_trust_the_authority_goes_away_and_nothing_is_logged()
    {
        Write(authority.Issue("localhost"));
        await using var api = await RunningApi.Start(new() { Tls = Source() }, logs: lines);
        await Assert.ThrowsAsync<HttpRequestException>(() => api.Get("volumes"));
        Assert.Empty(lines.All);
    }

    [Fact]
    public async Task A_new_certificate_is_shown_to_new_connections_and_old_ones_go_on()
    {
        Write(authority.Issue("localhost", serial: 1));
        var source = Source();
        var (shown, old) = (new List<string>(), new List<string>());
        await using var api = await RunningApi.Start(new() { Tls = source }, handler: Handler(shown, newEachTime: true));
        using var lasting = new HttpClient(Handler(old));
        await Both("01");

        Write(authority.Issue("localhost", serial: 2));
        source.Look();
        await Both("02");

        // The key of another: half of a change.
        var (certificate, key) = authority.Issue("localhost", serial: 3);
        File.WriteAllText(Certificate, certificate + "\n" + authority.Middle);
        source.Look();
        source.Look();
        await Both("02");
        File.WriteAllText(Key, key[..(key.Length / 2)]);
        source.Look();
        await Both("02");
        File.Delete(Key);
        source.Look();
        await Both("02");
        File.WriteAllText(Key, key);
        source.Look();
        await Both("03");

        Assert.Equal(["01"], old);
        Assert.Equal(2, lines.All.Count(l => l.StartsWith("Information The certificate and its key are read anew", StringComparison.Ordinal)));
        Assert.Equal(3, lines.All.Count(l => l.StartsWith("Error ", StringComparison.Ordinal)
            && l.Contains(Key, StringComparison.Ordinal) && l.EndsWith("The certificate and its key of before stay in force", StringComparison.Ordinal)));

        async Task Both(string serial)
        {
            Assert.Equal(200, (await api.Get("volumes")).Status);
            Assert.Equal(serial, shown[^1]);
            Assert.Equal(HttpStatusCode.OK, (await lasting.GetAsync(api.Address + "/v3")).StatusCode);
        }
    }

    [Fact]
    public async Task A_certificate_behind_a_link_is_seen_to_change()
    {
        Directory.CreateDirectory(Path.Combine(folder, "1"));
        Directory.CreateDirectory(Path.Combine(folder, "2"));
        foreach (var serial in (byte[])[1, 2])
        {
            var (certificate, key) = authority.Issue("localhost", serial);
            File.WriteAllText(Path.Combine(folder, $"{serial}", "cert.pem"), certificate + "\n" + authority.Middle);
            File.WriteAllText(Path.Combine(folder, $"{serial}", "key.pem"), key);
        }
        File.CreateSymbolicLink(Path.Combine(folder, "now"), "1");
        foreach (var file in (string[])[Certificate, Key]) File.CreateSymbolicLink(file, Path.Combine("now", Path.GetFileName(file)));
        var source = Source();
        var shown = new List<string>();
        await using var api = await RunningApi.Start(new() { Tls = source }, handler: Handler(shown, newEachTime: true));
        await api.Get("volumes");
        File.Delete(Path.Combine(folder, "now"));
        File.CreateSymbolicLink(Path.Combine(folder, "now"), "2");
        source.Look();
        await api.Get("volumes");
        Assert.Equal(["01", "02"], shown);
    }

    [Fact]
    public async Task With_authorities_only_who_has_a_certificate_of_theirs_connects()
    {
        Write(authority.Issue("localhost"));
        File.WriteAllText(Authorities, authority.Root.ExportCertificatePem() + "\n" + authority.Middle);
        using var others = new Authority("two");
        const string client = "1.3.6.1.5.5.7.3.2", server = "1.3.6.1.5.5.7.3.1";
        foreach (var (own, taken) in ((X509Certificate2?, bool)[])[
            (null, false), (Pair(authority.Issue("ann", purpose: client)), true), (Pair(authority.Issue("ann")), true),
            (Pair(authority.Issue("ann", purpose: server)), false), (Pair(others.Issue("ann", purpose: client)), false)])
        {
            await using var api = await RunningApi.Start(new() { Tls = Source(clients: true) }, handler: Handler(own: own));
            if (taken) Assert.Equal(200, (await api.Get("volumes")).Status);
            else await Assert.ThrowsAsync<HttpRequestException>(() => api.Get("volumes"));
            own?.Dispose();
        }

        static X509Certificate2 Pair((string Certificate, string Key) pem) => X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);
    }

    [Fact]
    public async Task Plain_HTTP_is_ended_without_a_word_in_the_log()
    {
        Write(authority.Issue("localhost"));
        await using var api = await RunningApi.Start(new() { Tls = Source() }, handler: Handler(), logs: lines);
        foreach (var text in (string[])["GET /v3 HTTP/1.1\r\nHost: x\r\n\r\n", "\0\0\0", "\x16\x03\x01\xff\xff", ""])
        {
            using var line = await Line.To(api.Address);
            await line.Send(text);
            if (text.Length > 5) Assert.DoesNotContain("HTTP/1.1", await line.Rest(), StringComparison.Ordinal);
        }
        Assert.Equal(200, (await api.Get("volumes")).Status);
        Assert.Empty(lines.All);
    }

    [Fact]
    public async Task A_handshake_has_its_time()
    {
        Write(authority.Issue("localhost"));
        await using var api = await RunningApi.Start(new() { Tls = Source(), HandshakeTimeout = TimeSpan.FromMilliseconds(300) }, handler: Handler(), logs: lines);
        using var silent = await Line.To(api.Address);
        using var slow = await Line.To(api.Address);
        await slow.Send("\x16\x03\x01");
        await silent.Rest();
        await slow.Rest();
        Assert.Equal(200, (await api.Get("volumes")).Status);
        Assert.Empty(lines.All);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connections_that_break_off_leave_nothing_behind(bool encrypted)
    {
        Write(authority.Issue("localhost"));
        await using var api = await RunningApi.Start(new() { Tls = encrypted ? Source() : null, MaxConnections = 4 }, handler: Handler(newEachTime: true), logs: lines);
        var port = new Uri(api.Address).Port;
        for (var i = 0; i < 30; i++)
        {
            using var client = new TcpClient();
            try { await client.ConnectAsync(IPAddress.Loopback, port); }
            catch (SocketException) { continue; } // those before are not gone yet
            client.LingerState = new LingerOption(true, 0); // a reset, not an end
            await using var tls = new SslStream(client.GetStream());
            Stream stream = encrypted ? tls : client.GetStream();
            try
            {
                var options = Handler().SslOptions;
                options.TargetHost = "localhost";
                if (encrypted) await tls.AuthenticateAsClientAsync(options);
                await stream.WriteAsync("GET /v3/a/volumes/detail HTTP/1.1\r\nHost: x\r\n"u8.ToArray());
                if (i % 2 == 0) await stream.WriteAsync("\r\n"u8.ToArray());
            }
            catch (Exception e) when (e is IOException or AuthenticationException) { /* refused meanwhile */ }
        }
        for (var i = 0; ; i++)
        {
            try
            {
                if ((await api.Get("volumes")).Status == 200) break;
            }
            catch (HttpRequestException) { Assert.True(i < 200); }
            await Task.Delay(10);
        }
        Assert.DoesNotContain(lines.All, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "key", "cert.pem: there is no certificate in it")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "key", "cert.pem: a certificate in it can't be read")]
    [InlineData("cert", "", "key.pem: there is no private key in it that belongs to the certificate in")]
    [InlineData("cert", "other", "key.pem: there is no private key in it that belongs to the certificate in")]
    [InlineData("cert", null, "key.pem can't be read")]
    public void A_wrong_pair_is_refused_with_the_files_name(string certificate, string? key, string words)
    {
        var pair = authority.Issue("localhost");
        File.WriteAllText(Certificate, certificate == "cert" ? pair.Certificate : certificate);
        if (key is not null) File.WriteAllText(Key, key switch { "key" => pair.Key, "other" => authority.Issue("localhost").Key, _ => key });
        var refused = Assert.Throws<IOException>(() => Source());
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        authority.Dispose();
        lines.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
