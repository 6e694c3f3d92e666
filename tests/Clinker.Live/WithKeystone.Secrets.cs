using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

public sealed partial class WithKeystone
{
    /// <summary>The password of the daemon's own user.</summary>
    const string Kept = "Kept-by-the-daemon-7731";

    /// <summary>Whatever was shown to the daemon or made by it as a secret, once it has said all it has to say: at DEBUG, in errors, and to admins.</summary>
    [Fact]
    public async Task Secrets_are_in_no_log_metric_message_or_listing()
    {
        site.Need();
        var user = (string)(await site.Ask("POST", "users", new() { ["user"] = new JsonObject { ["name"] = "keeper", ["domain_id"] = "default", ["password"] = Kept } }))!["user"]!["id"]!;
        var service = (string)(await site.Ask("GET", "projects?name=service"))!["projects"]![0]!["id"]!;
        foreach (var name in (string[])["service", "admin"])
            await site.Ask("PUT", $"projects/{service}/users/{user}/roles/{(await site.Ask("GET", $"roles?name={name}"))!["roles"]![0]!["id"]}");
        await using var daemon = site.Another("secrets", cacheSeconds: 300, patience: 5);
        var state = Path.Combine(Path.GetDirectoryName(site.Where)!, "secrets");
        var file = Path.Combine(state, "cinder.conf");
        await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("username = cinder", "username = keeper", StringComparison.Ordinal)
            .Replace($"password = {KeystoneSite.Password}", $"password = {Kept}", StringComparison.Ordinal)
            .Replace("[DEFAULT]", $"[DEFAULT]\ndebug = true\nuse_json = true\nlog_dir = {state}/logs", StringComparison.Ordinal) + "\n[audit]\nlog_file = audit.log\n");
        await daemon.Start();

        var (member, demo) = await site.Token("demo", "demo");
        var (stranger, other) = await site.Token("other", "other");
        var (admin, office) = await site.Token("admin", "admin");
        var (nova, _) = await site.Token("cinder", "service");
        var secrets = new List<string> { Kept, member, stranger, admin, nova, "gAAAAA-never-was" };
        async Task<JsonNode?> Good(string method, string path, string token, JsonObject? body = null, string? behind = null)
        {
            var (status, answer) = await Ask(daemon, method, path, token, body, behind);
            Assert.True(status is >= 200 and < 300, $"{method} {path}: {status} {answer}");
            return answer;
        }
        var id = (string)(await Good("POST", $"{demo}/volumes", member, Volume()))!["volume"]!["id"]!;
        while ((string)(await Good("GET", $"{demo}/volumes/{id}", member, behind: nova))!["volume"]!["status"]! != "available") await Task.Delay(20);
        var transfer = (await Good("POST", $"{demo}/volume-transfers", member, new() { ["transfer"] = new JsonObject { ["volume_id"] = id } }))!["transfer"]!;
        secrets.Add((string)transfer["auth_key"]!);
        JsonObject Key(JsonNode key) => new() { ["accept"] = new JsonObject { ["auth_key"] = key } };
        var accept = $"{other}/volume-transfers/{transfer["id"]}/accept";
        Assert.Equal(400, (await Ask(daemon, "POST", accept, stranger, Key("wrong-key-5512"))).Status);
        Assert.Equal(400, (await Ask(daemon, "POST", accept, stranger, Key(new JsonObject { ["key"] = "wrong-key-5512" }))).Status);
        secrets.Add("wrong-key-5512");
        foreach (var token in (string[])["gAAAAA-never-was", member + "x"])
            Assert.Equal(401, (await Ask(daemon, "GET", $"{demo}/volumes", token)).Status);
        Assert.DoesNotContain((string)transfer["auth_key"]!, (await Good("GET", $"{demo}/volume-transfers/{transfer["id"]}", member))!.ToJsonString(), StringComparison.Ordinal);
        await Good("POST", accept, stranger, Key((string)transfer["auth_key"]!));
        Assert.Equal(404, (await Ask(daemon, "DELETE", $"{demo}/volumes/{id}", member)).Status);
        await site.Signal("STOP");
        Assert.Equal(503, (await Ask(daemon, "GET", $"{demo}/volumes", "gAAAAA-never-was-2")).Status);
        await site.Signal("CONT");

        var said = new Dictionary<string, string>
        {
            ["operations"] = (await Good("GET", $"{office}/operations", admin))!.ToJsonString(),
            ["messages"] = (await Good("GET", $"{office}/messages?all_tenants=1", admin))!.ToJsonString(),
            ["transfers"] = (await Good("GET", $"{office}/volume-transfers/detail?all_tenants=1", admin))!.ToJsonString(),
            ["metrics"] = await http.GetStringAsync(new Uri($"http://127.0.0.1:{daemon.Port}/metrics")),
            ["health"] = await http.GetStringAsync(new Uri($"http://127.0.0.1:{daemon.Port}/healthcheck?detailed=true")),
            ["--check-config"] = (await Processes.Run(Daemon.Executable("clinkerd"), ["--check-config", "--config-file", file], TimeSpan.FromSeconds(10))).Output,
        };
        Assert.Equal(0, await daemon.Stop());
        said["standard error"] = daemon.Log;
        foreach (var log in Directory.GetFiles(Path.Combine(state, "logs"))) said[Path.GetFileName(log)] = await File.ReadAllTextAsync(log);
        foreach (var data in Directory.GetFiles(state, "*.sqlite*")) said[Path.GetFileName(data)] = System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(data));
        Assert.Contains("audit.log", said.Keys);
        Assert.Contains(said.Keys, k => k.EndsWith(".sqlite", StringComparison.Ordinal));
        Assert.Contains("volume_show", said["api.log"], StringComparison.Ordinal); // down to DEBUG
        Assert.Contains("update/accept", said["audit.log"], StringComparison.Ordinal);
        foreach (var (where, text) in said)
            foreach (var secret in secrets)
                Assert.False(text.Contains(secret, StringComparison.Ordinal), $"{secret} is in {where}");

        // One whose database does not answer, and one that Keystone does not know.
        await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)) + "\n[database]\nconnection = postgresql://keeper:Kept-for-the-database@127.0.0.1:1/c\n");
        var failed = await Processes.Run(Daemon.Executable("clinkerd"), ["--config-file", file, "--port", "0"], TimeSpan.FromSeconds(60));
        Assert.Equal(1, failed.ExitCode);
        Assert.DoesNotContain("Kept-for-the-database", failed.Output + failed.Error + await File.ReadAllTextAsync(Path.Combine(state, "logs", "api.log")), StringComparison.Ordinal);
    }
}
