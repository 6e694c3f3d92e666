using System.Net;
using System.Text;

namespace Clinker.Conformance.Roles;

/// <summary>An identity service for which everybody is who his token says: <c>user:project:role,role</c>, without a project for the system. What a real one does is tested with that.</summary>
sealed partial class Tokens : IAsyncDisposable
{
    readonly HttpListener listener = new();
    readonly Task serving;

    public int Port { get; }

    /// <summary>The section that makes a daemon ask here.</summary>
    public static string Section(int port) => $"""
        [keystone_authtoken]
        auth_url = http://127.0.0.1:{port}
        auth_type = password
        username = cinder
        user_domain_name = Default
        password = secret
        project_name = service
        project_domain_name = Default
        """;

    public Tokens(int port)
    {
        Port = port;
        listener.Prefixes.Add($"http://127.0.0.1:{port}/"); // what a listener refuses itself may cost the next request on that connection
        listener.Start();
        serving = Serve();
    }

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
        if (!request.Url!.AbsolutePath.StartsWith("/v3/", StringComparison.Ordinal))
        {
            response.StatusCode = 404; // no list of versions
            response.Close();
            return;
        }
        var parts = request.HttpMethod == "POST" ? ["clinker", "service", "service"] : (request.Headers["X-Subject-Token"] ?? "").Split(':');
        response.StatusCode = request.HttpMethod == "POST" ? 201 : parts.Length == 3 || request.Url.AbsolutePath.Contains("/projects/", StringComparison.Ordinal) ? 200 : 404;
        if (request.HttpMethod == "POST") response.Headers["X-Subject-Token"] = "own";
        var roles = string.Join(",", parts.Length < 3 ? [] : parts[2].Split(',').Select(r => $$"""{"id": "{{r}}", "name": "{{r}}"}"""));
        response.Close(Encoding.UTF8.GetBytes(parts.Length < 3 ? "{}" : $$"""
            {"token": {"user": {"id": "{{parts[0]}}"}, {{(parts[1].Length > 0 ? $$"""
            "project": {"id": "{{parts[1]}}"}
            """ : """
            "system": {"all": true}
            """)}}, "roles": [{{roles}}], "expires_at": "2099-01-01T00:00:00.000000Z"} }
            """), willBlock: false);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await serving;
        listener.Close();
    }
}
