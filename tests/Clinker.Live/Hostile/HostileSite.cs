using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Host;
using Clinker.Tests.Outside;
using Xunit;

namespace Clinker.Live.Hostile;

/// <summary>
/// The published daemon with two shares, an image service and backups, beside a file of this host that nobody may see: what an attacker
/// would have, and what he is after.
/// </summary>
public sealed class HostileSite : IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    static readonly UTF8Encoding Utf8 = new(false);

    /// <summary>How much of a disk is compared: all that these tests write.</summary>
    const int Head = 4 << 20;

    Site site = null!;
    Daemon daemon = null!;

    internal FakeGlance Glance { get; } = new();
    public string Folder => site.Folder;
    public string Mount => site.Mount;
    public string Log => daemon.Log;
    public string Backups => Path.Combine(Folder, "backups");
    /// <summary>The other share.</summary>
    public string Share2 => $"{site.Node}:/vol2";

    /// <summary>What no answer, volume, image or backup may hold. Over a MiB of it: it is a disk's content too.</summary>
    public static readonly byte[] Secret = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("of this host alone\n", 1 << 16)));

    /// <summary>Where it lies.</summary>
    public string SecretFile => Path.Combine(Folder, "secret");

    /// <summary>Is made if anybody takes what stands in a shares file for a command.</summary>
    public string Marker => Path.Combine(Folder, "executed");

    public async ValueTask InitializeAsync()
    {
        site = await Site.Up(more: $"""
            glance_api_servers = {Glance.Url}
            backup_driver = directory
            backup_posix_path = $state_path/backups
            nas_secure_file_permissions = true
            quota_snapshots = -1
            quota_backups = -1
            """);
        await site.Gluster("add", "vol2");
        await File.WriteAllBytesAsync(SecretFile, Secret);
        await File.WriteAllLinesAsync(site.SharesFile,
        [
            site.Share, "-oro:/vol1", "--help", $"{site.Node}:/vol1;touch {Marker}", $"$(touch\\040{Marker}):/vol1", $"`touch\\040{Marker}`",
            $"{site.Node},-x:/vol1", $"{site.Node}:/-v", $"{site.Node}:/vol1/../../etc", $"{site.Node}:/vol1 -f {SecretFile}",
        ]);
        daemon = site.Daemon();
        await daemon.Start();
    }

    public string MountOf(string share) => site.MountOf(share);

    /// <summary>From now on there is the other share too.</summary>
    public async Task Grow()
    {
        await File.AppendAllTextAsync(site.SharesFile, Share2 + "\n");
        for (var waited = Stopwatch.StartNew(); (await Pools()).Count < 2; await Task.Delay(50)) Assert.True(waited.Elapsed < Patience, Log);
    }

    public async Task<List<string>> Pools() =>
        [.. (await Do("GET", "scheduler-stats/get_pools"))!["pools"]!.AsArray().Select(p => (string)p!["name"]!)];

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null) await daemon.DisposeAsync();
        if (site is not null) await site.DisposeAsync();
        await Glance.DisposeAsync();
    }

    public async Task<(int Status, string Text)> Ask(string verb, string path, string? body = null, string type = "application/json", bool mayFail = false)
    {
        using var request = new HttpRequestMessage(new(verb), new Uri(path, UriKind.Relative));
        if (body is not null) request.Content = new StringContent(body, Utf8, type);
        using var answer = await daemon.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(mayFail || answer.StatusCode < HttpStatusCode.InternalServerError, $"{verb} {path} {body}: {answer.StatusCode} {text}\n{Log}");
        Assert.DoesNotContain("of this host alone", text, StringComparison.Ordinal);
        return ((int)answer.StatusCode, text);
    }

    public async Task<JsonNode?> Do(string verb, string path, string? body = null)
    {
        var (status, text) = await Ask(verb, path, body);
        Assert.True(status is >= 200 and < 300, $"{verb} {path} {body}: {status} {text}\n{Log}");
        return text.Length > 0 ? JsonNode.Parse(text) : null;
    }

    public Task Act(string volume, string action) => Do("POST", $"volumes/{volume}/action", action);

    /// <summary>Asks for a thing; its id once it has settled.</summary>
    public async Task<string> Make(string kind, string of, string status = "available")
    {
        var id = (string)(await Do("POST", $"{kind}s", $$"""{"{{kind}}": { {{of}} } }"""))![kind]!["id"]!;
        Assert.Equal(status, await Settled($"{kind}s/{id}"));
        return id;
    }

    public Task<string> Volume(string more = "", int size = 1, string status = "available") =>
        Make("volume", $"\"size\": {size}{(more.Length > 0 ? ", " : "")}{more}", status);

    /// <summary>The thing's status, once nothing is under way with it; "gone" when it is.</summary>
    public async Task<string> Settled(string path)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            var (status, text) = await Ask("GET", path);
            if (status == 404) return "gone";
            var thing = JsonNode.Parse(text)!.AsObject().Single().Value!;
            var now = (string)thing["status"]!;
            if ((now.StartsWith("error", StringComparison.Ordinal) || !now.EndsWith("ing", StringComparison.Ordinal)) && now != "backing-up" && (string?)thing["migration_status"] is null or "success" or "error") return now;
            Assert.True(waited.Elapsed < Patience, $"{path} is still {now}:\n{Log}");
        }
    }

    /// <summary>Deletes a thing that can't be: it is still there, and says so.</summary>
    public async Task NotDeleted(string path)
    {
        await Do("DELETE", path);
        Assert.Equal("error_deleting", await Settled(path));
        await Do("POST", $"{path}/action", """{"os-reset_status": {"status": "available"}}""");
    }

    /// <summary>Deletes things, and waits until they are gone.</summary>
    public async Task Delete(params string[] paths)
    {
        foreach (var path in paths)
        {
            await Do("DELETE", path);
            Assert.Equal("gone", await Settled(path));
        }
    }

    /// <summary>What a user is told of his volume's failure.</summary>
    public async Task<string> Told(string id) => string.Join('\n', JsonNode.Parse((await Ask("GET", $"messages?resource_uuid={id}")).Text)!["messages"]!.AsArray()
        .Select(m => (string)m!["user_message"]!));

    /// <summary>Where a host finds a volume, and in which format it reads it: what the API tells one that attaches it.</summary>
    public async Task<(string Path, string Format)> Attached(string volume)
    {
        var made = (await Do("POST", "attachments", $$"""{"attachment": {"volume_uuid": "{{volume}}", "connector": {"host": "compute1"} } }"""))!["attachment"]!;
        await Do("DELETE", $"attachments/{made["id"]}");
        Assert.Equal("available", await Settled($"volumes/{volume}"));
        var info = made["connection_info"]!.AsObject();
        var data = info["data"] ?? info;
        return (Path.Combine(MountOf((string)data["export"]!), (string)data["name"]!), (string)data["format"]!);
    }

    /// <summary>No host is told where the volume lies; why not.</summary>
    public async Task<string> AttachedToNobody(string volume)
    {
        var (status, text) = await Ask("POST", "attachments", $$"""{"attachment": {"volume_uuid": "{{volume}}", "connector": {"host": "compute1"} } }""", mayFail: true);
        Assert.False(status is >= 200 and < 300, text);
        foreach (var left in (await Do("GET", $"attachments?volume_id={volume}"))!["attachments"]!.AsArray()) await Do("DELETE", $"attachments/{left!["id"]}");
        await Reset(volume);
        return text;
    }

    public Task Reset(string volume) => Act(volume, """{"os-reset_status": {"status": "available", "attach_status": "detached"}}""");

    /// <summary>The begin of what a virtual machine would see in a volume, and its size, by QEMU itself.</summary>
    public async Task<(string Head, long Bytes)> Seen(string volume)
    {
        var (path, format) = await Attached(volume);
        return await Seen(path, format);
    }

    public async Task<(string Head, long Bytes)> Seen(string path, string format)
    {
        var to = Path.Combine(Folder, "seen");
        await Run("qemu-img", "convert", "-f", format, "-O", "raw", path, to);
        await using var file = File.OpenRead(to);
        var head = new byte[Head];
        await file.ReadAtLeastAsync(head, Head, throwOnEndOfStream: false);
        Assert.True(head.AsSpan().IndexOf("of this host alone"u8) < 0, $"{path} shows the secret");
        return (Sum(head), file.Length);
    }

    public static string Sum(ReadOnlySpan<byte> bytes) => Convert.ToHexString(SHA256.HashData(bytes));

    /// <summary>A disk's first bytes as <see cref="Seen(string)"/> tells them.</summary>
    public static string SumOfDisk(byte[] begin)
    {
        var head = new byte[Head];
        begin.AsSpan(0, Math.Min(Head, begin.Length)).CopyTo(head);
        return Sum(head);
    }

    /// <summary>Writes as a virtual machine does that has the volume as its disk.</summary>
    public async Task Write(string volume, byte[] bytes, long at = 0)
    {
        var (path, format) = await Attached(volume);
        var from = Path.Combine(Folder, "guest");
        await File.WriteAllBytesAsync(from, bytes);
        await Run("qemu-io", "-f", format, "-c", $"write -q -s {from} {at} {bytes.Length}", "-c", "flush", path);
    }

    public static async Task<string> Run(string program, params string[] arguments)
    {
        var result = await Processes.Run(program, arguments, Patience);
        Assert.True(result.ExitCode == 0 && !result.Output.Contains("failed", StringComparison.Ordinal),
            $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result.Output;
    }

    /// <summary>An image by qemu-img: its first MiB, of which the rest is zeroes.</summary>
    public async Task<byte[]> Image(params string[] arguments)
    {
        var path = Path.Combine(Folder, "image");
        File.Delete(path);
        await Run("qemu-img", ["create", "-q", .. arguments[..^1], path, arguments[^1]]);
        return await File.ReadAllBytesAsync(path);
    }

    /// <summary>The headers by which a disk would lead who takes it for an image to the secret.</summary>
    public async Task<byte[]> Header(string kind)
    {
        switch (kind)
        {
            case "backing": return await Image("-f", "qcow2", "-u", "-F", "raw", "-b", SecretFile, "1G");
            case "json": // bug 2073275: QEMU takes such a name for a description of what to open
                return await Image("-f", "qcow2", "-u", "-F", "raw", "-b", $$"""json:{"driver":"raw","file":{"driver":"file","filename":"{{SecretFile}}"} }""", "1G");
            case "data-file": // CVE-2024-32498
                var other = SecretFile.Replace("secret", "xecret", StringComparison.Ordinal); // qemu-img makes it, and empties what is there
                var image = await Image("-f", "qcow2", "-o", $"data_file={other},data_file_raw=on", "1G");
                for (int at; (at = image.AsSpan().IndexOf(Encoding.ASCII.GetBytes(other))) >= 0;) Encoding.ASCII.GetBytes(SecretFile).CopyTo(image, at);
                return image;
            default: // CVE-2022-47951
                return Encoding.ASCII.GetBytes($"""
                    # Disk DescriptorFile
                    version=1
                    CID=fffffffe
                    parentCID=ffffffff
                    createType="monolithicFlat"
                    RW 2048 FLAT "{SecretFile}" 0

                    """);
        }
    }
}
