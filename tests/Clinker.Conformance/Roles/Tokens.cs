using System.Net;
using System.Text;

namespace Clinker.Conformance.Roles;

/// <summary>An identity service for which everybody is who his token says: <c>user:project:role,role</c>. What a real one does is tested with that.</summary>
sealed class Tokens : IAsyncDisposable
{
    readonly HttpListener listener = new();
    readonly Task serving;
    readonly int port;

    public Tokens(int port)
    {
        this.port = port;
        listener.Prefixes.Add($"http://127.0.0.1:{port}/v3/");
        listener.Start();
        serving = Serve();
    }

    /// <summary>Writes what makes a daemon ask here who its callers are; its arguments.</summary>
    /// <param name="more">Further options of <c>[DEFAULT]</c>.</param>
    public string[] Configure(Clinkerd daemon, string more = "")
    {
        var (file, volumes) = (Path.Combine(daemon.State, "cinder.conf"), Path.Combine(daemon.State, "volumes"));
        File.WriteAllText(file, $"""
            [DEFAULT]
            auth_strategy = keystone
            state_path = {daemon.State}
            enabled_backends = {Backend}
            quota_volumes = -1
            quota_snapshots = -1
            quota_gigabytes = -1
            quota_groups = -1
            backup_driver = directory
            quota_backups = -1
            quota_backup_gigabytes = -1
            {more}
            [database]
            connection = sqlite:///{daemon.Database}
            [keystone_authtoken]
            auth_url = http://127.0.0.1:{port}
            auth_type = password
            username = cinder
            user_domain_name = Default
            password = secret
            project_name = service
            project_domain_name = Default
            [{Backend}]
            volume_driver = directory
            directory_paths = {volumes}
            """);
        Directory.CreateDirectory(volumes);
        return ["--config-file", file];
    }

    /// <summary>What the backend is called: nothing that a user is told has this in it.</summary>
    public const string Backend = "hidden-backend";

    async Task Serve()
    {
        try
        {
            while (true) Answer(await listener.GetContextAsync());
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException) { /* stopped */ }
    }

    static void Answer(HttpListenerContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var parts = request.HttpMethod == "POST" ? ["clinker", "service", "service"] : (request.Headers["X-Subject-Token"] ?? "").Split(':');
        response.StatusCode = request.HttpMethod == "POST" ? 201 : parts.Length == 3 || request.Url!.AbsolutePath.Contains("/projects/", StringComparison.Ordinal) ? 200 : 404;
        if (request.HttpMethod == "POST") response.Headers["X-Subject-Token"] = "own";
        var roles = string.Join(",", parts.Length < 3 ? [] : parts[2].Split(',').Select(r => $$"""{"id": "{{r}}", "name": "{{r}}"}"""));
        response.Close(Encoding.UTF8.GetBytes(parts.Length < 3 ? "{}" : $$"""
            {"token": {"user": {"id": "{{parts[0]}}"}, "project": {"id": "{{parts[1]}}"}, "roles": [{{roles}}], "expires_at": "2099-01-01T00:00:00.000000Z"} }
            """), willBlock: false);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await serving;
        listener.Close();
    }
}
