using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>A daemon with <c>auth_strategy = basic</c> whose users <c>clinker user</c> makes, and real clients that sign in by password.</summary>
public sealed class WithPasswords : IAsyncLifetime
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    readonly string folder = Directory.CreateTempSubdirectory("clinker-passwords-").FullName;
    Daemon daemon = null!;

    string Users => Path.Combine(folder, "htpasswd");

    public async ValueTask InitializeAsync()
    {
        var missing = File.Exists("/usr/bin/openstack") ? null : "python3-openstackclient is not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        foreach (var (name, project) in new[] { ("ann", "web"), ("bob", "shop") })
            await Good($"echo {name}-pässword | {Live.Daemon.Executable("clinker")} user add {name} --project {project} --password-stdin --file {Users}");
        await File.WriteAllTextAsync(Path.Combine(folder, "cinder.conf"), $"""
            [DEFAULT]
            state_path = {folder}
            volume_driver = directory
            directory_paths = {folder}/volumes
            auth_strategy = basic
            http_basic_auth_user_file = {Users}

            """);
        daemon = new Daemon(folder, "--config-file", Path.Combine(folder, "cinder.conf"));
        await daemon.Start();
    }

    public async ValueTask DisposeAsync()
    {
        if (daemon is not null) await daemon.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    static async Task<(string Text, bool Good)> Shell(string line)
    {
        var result = await Processes.Run("/bin/bash", ["-o", "pipefail", "-c", line], Patience);
        return (result.Output + result.Error, result.ExitCode == 0);
    }

    static async Task<string> Good(string line)
    {
        var (text, good) = await Shell(line);
        Assert.True(good, $"{line}: {text}");
        return text;
    }

    string Env(string user, string project, string? password = null) =>
        $"export OS_AUTH_TYPE=http_basic OS_USERNAME={user} OS_PASSWORD={password ?? user + "-pässword"} "
        + $"OS_ENDPOINT=http://127.0.0.1:{daemon.Port}/v3/{project} OS_VOLUME_API_VERSION=3; ";

    [Fact]
    public async Task A_password_is_typed_twice_and_not_seen()
    {
        var before = await File.ReadAllTextAsync(Users);
        var root = Path.GetDirectoryName(Path.GetDirectoryName(Live.Daemon.Executable("clinkerd")))!;
        Task<(string Text, bool Good)> Typed(string lines) =>
            Shell($"python3 -B {root}/tests/Clinker.Live/typed.py '{Live.Daemon.Executable("clinker")} user add eve --project web --file {Users} </dev/null' {lines}");
        Assert.Equal(("Password of eve: _\r\nThe same again: _\r\nThese were two different passwords: nothing is changed.\r\n\n", false), await Typed("sesame semolina"));
        Assert.Equal(("Password of eve: _\r\nThe same again: _\n", false), await Typed("sesame ^C"));
        Assert.Equal(before, await File.ReadAllTextAsync(Users));
        Assert.Equal(("Password of eve: _\r\nThe same again: _\r\n\n", true), await Typed("sesame sesame"));
        Assert.StartsWith(before + "eve:", await File.ReadAllTextAsync(Users), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Openstack_signs_in_by_password_and_each_sees_his_own_project()
    {
        var (ann, bob) = (Env("ann", "web"), Env("bob", "shop"));
        var id = (await Good(ann + "openstack volume create --size 1 -f value -c id hers")).Trim();
        var waited = Stopwatch.StartNew();
        while (!(await Good(ann + $"openstack volume show -f value -c status {id}")).Contains("available", StringComparison.Ordinal))
            Assert.True(waited.Elapsed < Patience, daemon.Log);
        Assert.Contains("hers", await Good(ann + "openstack volume list"), StringComparison.Ordinal);
        Assert.Equal("", (await Good(bob + "openstack volume list -f value")).Trim());
        Assert.False((await Shell(bob + $"openstack volume show {id}")).Good);
        Assert.False((await Shell(bob + $"openstack volume delete {id}")).Good);
        var (text, good) = await Shell(Env("bob", "web") + "openstack volume list");
        Assert.True(!good && text.Contains("Malformed request url", StringComparison.Ordinal), text);
        (text, good) = await Shell(Env("ann", "web", "wrong") + "openstack volume list");
        Assert.True(!good && text.Contains("401", StringComparison.Ordinal), text);

        // Our own client, the same variables.
        Assert.Contains("hers", await Good(ann + $"{Live.Daemon.Executable("clinker")} volume list"), StringComparison.Ordinal);
        await Good(ann + $"openstack volume delete {id}");
        for (waited.Restart(); (await Shell(ann + $"{Live.Daemon.Executable("clinker")} volume show {id}")).Good; await Task.Delay(50))
            Assert.True(waited.Elapsed < Patience, daemon.Log);

        // The daemon looks at the file by itself.
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("bob:bob-pässword")));
        async Task<HttpStatusCode> Bob()
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{daemon.Port}/v3/shop/volumes"));
            return answer.StatusCode;
        }
        Assert.Equal(HttpStatusCode.OK, await Bob());
        await Good($"{Live.Daemon.Executable("clinker")} user remove bob --file {Users}");
        for (waited.Restart(); await Bob() != HttpStatusCode.Unauthorized; await Task.Delay(50))
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10), "bob is still let in");
        Assert.DoesNotContain("pässword", daemon.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(" ERROR ", daemon.Log, StringComparison.Ordinal);
    }
}
