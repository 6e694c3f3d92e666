using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>
/// A real Keystone (<c>keystone-up</c>, where it says who there is) with a folder of its own, and the daemon that its catalogue leads to.
/// Without the packages a test is skipped with the reason; in CI that is a failure.
/// </summary>
public sealed class KeystoneSite : IAsyncLifetime
{
    public const string Password = "secret";

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    readonly string folder = Directory.CreateTempSubdirectory("clinker-keystone-").FullName;
    readonly int port = Live.Daemon.FreePort();
    readonly HttpClient http = new() { Timeout = Patience };
    Daemon? daemon;
    string? missing;

    string Url => $"http://127.0.0.1:{port}/v3/";
    public static string Scripts => Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Live.Daemon.Executable("clinkerd")))!, "tests", "openstack");

    /// <summary>The one of the catalogue.</summary>
    internal Daemon Daemon => daemon!;

    public async ValueTask InitializeAsync()
    {
        missing = new[] { "/usr/bin/keystone-manage", "/usr/bin/uwsgi_python3", "/usr/bin/openstack", "/usr/bin/cinder" }.All(File.Exists) ? null
            : "keystone, uwsgi-core, uwsgi-plugin-python3 or the clients are not installed: ./dev deps";
        if (missing is not null) return;
        daemon = Another("one", cacheSeconds: 2);
        await Up();
        await daemon.Start();
    }

    public void Need()
    {
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
    }

    /// <summary>The section that says who a daemon is to this Keystone.</summary>
    public string Authentication => $"""
        [keystone_authtoken]
        auth_url = http://127.0.0.1:{port}
        auth_type = password
        username = cinder
        user_domain_name = Default
        password = {Password}
        project_name = service
        project_domain_name = Default
        """;

    /// <summary>Why there is none here; null when there is.</summary>
    public string? Missing => missing;

    /// <summary>A daemon that asks this Keystone; not started.</summary>
    /// <param name="patience">How many seconds it waits for an answer: enough for a busy machine.</param>
    internal Daemon Another(string name, int cacheSeconds, int patience = 60)
    {
        var state = Path.Combine(folder, name);
        Directory.CreateDirectory(state);
        File.WriteAllText(Path.Combine(state, "cinder.conf"), $"""
            [DEFAULT]
            state_path = {state}
            auth_strategy = keystone
            volume_driver = directory
            directory_paths = {state}/volumes
            {Authentication}
            service_token_roles_required = true
            token_cache_time = {cacheSeconds}
            http_connect_timeout = {patience}

            """);
        return new Daemon(state, "--config-file", Path.Combine(state, "cinder.conf"));
    }

    /// <summary>Starts Keystone, or starts it again.</summary>
    /// <param name="tokenSeconds">How long tokens are good.</param>
    public async Task Up(int tokenSeconds = 3600) => await Run("/usr/bin/env",
        [$"CLINKER_URL=http://127.0.0.1:{Daemon.Port}", $"TOKEN_SECONDS={tokenSeconds}", Path.Combine(Scripts, "keystone-up"), Where, port.ToString(CultureInfo.InvariantCulture)]);

    public Task Down() => Run(Path.Combine(Scripts, "keystone-down"), [Where, "--keep"]);

    /// <summary>SIGSTOP or SIGCONT to all of its processes: it takes requests and answers none.</summary>
    public async Task Signal(string name) =>
        await Run("kill", [$"-{name}", "--", $"-{(await File.ReadAllTextAsync(Path.Combine(Where, "keystone.pid"))).Trim()}"]);

    /// <summary>Its own folder.</summary>
    public string Where => Path.Combine(folder, "keystone");

    /// <summary>A new token.</summary>
    /// <param name="project">Null: of nothing; <c>system</c> and <c>domain</c>: of those.</param>
    public async Task<(string Token, string Project)> Token(string user, string? project, string password = Password)
    {
        var domain = new JsonObject { ["id"] = "default" };
        var auth = new JsonObject
        {
            ["identity"] = new JsonObject
            {
                ["methods"] = new JsonArray("password"),
                ["password"] = new JsonObject { ["user"] = new JsonObject { ["name"] = user, ["domain"] = domain, ["password"] = password } },
            },
            ["scope"] = project switch
            {
                null => "unscoped",
                "system" => new JsonObject { ["system"] = new JsonObject { ["all"] = true } },
                "domain" => new JsonObject { ["domain"] = domain.DeepClone() },
                _ => new JsonObject { ["project"] = new JsonObject { ["name"] = project, ["domain"] = domain.DeepClone() } },
            },
        };
        using var body = Json(new JsonObject { ["auth"] = auth });
        using var answer = await http.PostAsync(new Uri(Url + "auth/tokens"), body);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var token = (await answer.Content.ReadFromJsonAsync<JsonObject>())!["token"]!;
        return (answer.Headers.GetValues("X-Subject-Token").Single(), (string?)token["project"]?["id"] ?? "");
    }

    /// <summary>With its length in front: uwsgi reads no chunks.</summary>
    static StringContent Json(JsonObject body) => new(body.ToJsonString(), Encoding.UTF8, "application/json");

    /// <summary>Asks Keystone as its administrator.</summary>
    public async Task<JsonNode?> Ask(string method, string path, JsonObject? body = null, string? subject = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Url + path);
        request.Headers.Add("X-Auth-Token", (await Token("admin", "admin")).Token);
        if (subject is not null) request.Headers.Add("X-Subject-Token", subject);
        if (body is not null) request.Content = Json(body);
        using var answer = await http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        var text = await answer.Content.ReadAsStringAsync();
        return text.Length == 0 ? null : JsonNode.Parse(text);
    }

    /// <summary>Runs a client as one of the users; what it printed, and whether it succeeded.</summary>
    public async Task<(string Text, bool Good)> Client(string openrc, string line)
    {
        var result = await Processes.Run("/bin/bash", ["-c", $". {Where}/{openrc} && {line}"], Patience);
        return (result.Output + result.Error, result.ExitCode == 0);
    }

    static async Task Run(string program, IReadOnlyList<string> arguments)
    {
        var result = await Processes.Run(program, [.. arguments], Patience);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}");
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null)
        {
            await daemon.DisposeAsync();
            await Run(Path.Combine(Scripts, "keystone-down"), [Where]);
        }
        http.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
