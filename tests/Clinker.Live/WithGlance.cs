using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>A real Glance and a real Keystone: what is in an image is in the volume, and what is in a volume is in the image.</summary>
public sealed class WithGlance(KeystoneSite site) : IClassFixture<KeystoneSite>, IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    readonly string folder = Directory.CreateTempSubdirectory("clinker-glance-").FullName;
    readonly int port = Daemon.FreePort();
    readonly Dictionary<string, string> images = [];
    Daemon? daemon;
    string? missing;

    string Glance => Path.Combine(folder, "glance");
    string Volumes => Path.Combine(folder, "volumes");

    public async ValueTask InitializeAsync()
    {
        missing = site.Missing ?? (new[] { "/usr/bin/glance-api", "/usr/bin/glance-manage", "/usr/bin/qemu-img" }.All(File.Exists) ? null
            : "glance-api or qemu-utils are not installed: ./dev deps");
        if (missing is not null) return;
        foreach (var line in (await Run(Path.Combine(KeystoneSite.Scripts, "glance-up"), Glance, $"{port}", site.Where)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            images[line.Split(' ')[0]] = line.Split(' ')[1];
        var conf = Path.Combine(folder, "cinder.conf");
        await File.WriteAllTextAsync(conf, $"""
            [DEFAULT]
            state_path = {folder}
            auth_strategy = keystone
            volume_driver = directory
            directory_paths = {Volumes}
            glance_api_servers = http://127.0.0.1:{port}
            {site.Authentication}
            """);
        daemon = new Daemon(folder, "--config-file", conf);
        await daemon.Start();
    }

    void Need()
    {
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
    }

    static async Task<string> Run(string program, params string[] arguments)
    {
        var result = await Processes.Run(program, arguments, Patience);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>What a client of Glance says, as a member of a project.</summary>
    async Task<JsonElement> Client(string line)
    {
        var (text, good) = await site.Client("openrc-demo", line);
        Assert.True(good, $"{line}: {text}\n{daemon!.Log}");
        return text.TrimStart().StartsWith('{') ? JsonDocument.Parse(text).RootElement : default;
    }

    async Task<(int Status, JsonElement Body)> Ask(string method, string path, string? body = null)
    {
        var (token, project) = await site.Token("demo", "demo");
        using var http = new HttpClient { Timeout = Patience };
        using var request = new HttpRequestMessage(new HttpMethod(method), $"http://127.0.0.1:{daemon!.Port}/v3/{project}/{path}");
        request.Headers.Add("OpenStack-API-Version", "volume 3.70");
        request.Headers.Add("X-Auth-Token", token);
        if (body is not null) request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, text.StartsWith('{') ? JsonDocument.Parse(text).RootElement : default);
    }

    async Task<string> Settled(string volume)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            var status = (await Ask("GET", $"volumes/{volume}")).Body.GetProperty("volume").GetProperty("status").GetString()!;
            if (status is not ("creating" or "downloading" or "uploading")) return status;
            Assert.True(waited.Elapsed < Patience, $"{volume} is still {status}:\n{daemon!.Log}");
        }
    }

    async Task<string> Volume(string image)
    {
        var (status, made) = await Ask("POST", "volumes", $$"""{"volume": {"size": 1, "imageRef": "{{image}}"} }""");
        Assert.True(status == 202, $"{made}");
        return made.GetProperty("volume").GetProperty("id").GetString()!;
    }

    static byte[] Hash(string file, long bytes)
    {
        using var stream = File.OpenRead(file);
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (long done = 0; done < bytes;)
        {
            var n = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, bytes - done));
            if (n == 0) break;
            hash.AppendData(buffer, 0, n);
            done += n;
        }
        return hash.GetHashAndReset();
    }

    string FileOf(string volume) => Path.Combine(Volumes, $"volume-{volume}");

    [Fact]
    public async Task What_is_in_an_image_is_in_the_volume_and_back()
    {
        Need();
        var disk = Path.Combine(Glance, "disk.raw");
        var length = new FileInfo(disk).Length;
        foreach (var format in (string[])["raw", "qcow2"])
        {
            var volume = await Volume(images[format]);
            Assert.Equal("available", await Settled(volume));
            Assert.Equal(1L << 30, new FileInfo(FileOf(volume)).Length);
            Assert.Equal(Hash(disk, length), Hash(FileOf(volume), length));
            var shown = (await Ask("GET", $"volumes/{volume}")).Body.GetProperty("volume");
            Assert.Equal(("true", images[format]), (shown.GetProperty("bootable").GetString(), shown.GetProperty("volume_image_metadata").GetProperty("image_id").GetString()));

            // And back: as a raw image, and as a qcow2 one.
            var (status, upload) = await Ask("POST", $"volumes/{volume}/action", $$"""{"os-volume_upload_image": {"image_name": "made-{{format}}", "disk_format": "{{format}}", "protected": true} }""");
            Assert.True(status == 202, $"{upload}");
            var image = upload.GetProperty("os-volume_upload_image").GetProperty("image_id").GetString()!;
            Assert.Equal("available", await Settled(volume));
            var saved = Path.Combine(folder, $"saved-{format}");
            await Client($"openstack image save --file {saved} {image}");
            await Run("qemu-img", "convert", "-f", format, "-O", "raw", saved, saved + ".raw");
            Assert.Equal(Hash(FileOf(volume), 1L << 30), Hash(saved + ".raw", 1L << 30));
            var record = await Client($"openstack image show -f json {image}");
            Assert.Equal("active", record.GetProperty("status").GetString());
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(folder, "conversion")));
    }

    [Fact]
    public async Task A_volume_gets_another_image()
    {
        Need();
        var volume = await Volume(images["raw"]);
        Assert.Equal("available", await Settled(volume));
        var other = Path.Combine(folder, "other");
        await File.WriteAllBytesAsync(other, RandomNumberGenerator.GetBytes(1 << 20));
        var image = (await Client($"openstack image create -f json --disk-format raw --container-format bare --property hw_disk_bus=scsi --file {other} other")).GetProperty("id").GetString()!;
        Assert.Equal(202, (await Ask("POST", $"volumes/{volume}/action", $$"""{"os-reimage": {"image_id": "{{image}}"} }""")).Status);
        Assert.Equal("available", await Settled(volume));
        Assert.Equal(Hash(other, 1 << 20), Hash(FileOf(volume), 1 << 20));
        Assert.Equal("scsi", (await Ask("GET", $"volumes/{volume}")).Body.GetProperty("volume").GetProperty("volume_image_metadata").GetProperty("hw_disk_bus").GetString());
    }

    [Fact]
    public async Task An_image_that_reads_this_hosts_files_makes_no_volume()
    {
        Need();
        var hostile = Path.Combine(folder, "hostile");
        await Run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd", hostile, "1M");
        var image = (await Client($"openstack image create -f json --disk-format qcow2 --container-format bare --file {hostile} hostile")).GetProperty("id").GetString()!;
        if ((await Client($"openstack image show -f json {image}")).GetProperty("status").GetString() != "active") return; // newer ones of Glance refuse it themselves
        var volume = await Volume(image);
        Assert.Equal("error", await Settled(volume));
        Assert.False(File.Exists(FileOf(volume)));
        var (_, messages) = await Ask("GET", "messages");
        Assert.Contains(messages.GetProperty("messages").EnumerateArray(), m =>
            m.GetProperty("resource_uuid").GetString() == volume && m.GetProperty("user_message").GetString()!.Contains("backing file", StringComparison.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null) await daemon.DisposeAsync();
        var pid = Path.Combine(Glance, "glance.pid");
        if (File.Exists(pid)) await Processes.Run("kill", [(await File.ReadAllTextAsync(pid)).Trim()], Patience);
        Directory.Delete(folder, recursive: true);
    }
}
