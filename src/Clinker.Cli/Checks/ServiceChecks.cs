using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Clinker.Cli.Cloud;

namespace Clinker.Cli.Checks;

/// <summary>The database and the API endpoint.</summary>
internal static partial class ServiceChecks
{
    const int PostgreSqlPort = 5432;

    public static async Task Database(Report report, string connection)
    {
        var scheme = connection.Split("://")[0].Split('+')[0];
        var shown = Password().Replace(connection, "$1:***@");
        if (scheme == "sqlite" && connection[(connection.IndexOf("://", StringComparison.Ordinal) + 3)..] is ['/', '/', ..] path) Sqlite(report, path[1..]);
        else if (scheme is "postgresql" or "postgres" && PostgreSql().Match(connection) is { Success: true } url) await Server(report, shown, url);
        else
            report.Error("database", shown, scheme == "sqlite" ? "is not an absolute path: that takes four slashes" : $"{scheme} is not a database that Clinker uses",
                "set [database] connection to postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:////PATH");
    }

    static async Task Server(Report report, string shown, Match url)
    {
        // The query's host wins, and one that is a path is the directory of PostgreSQL's socket.
        var host = Uri.UnescapeDataString(url.Groups["inquery"] is { Success: true, Value: var q } ? q : url.Groups["host"].Value);
        var port = int.TryParse(url.Groups["port"].Value, out var given) ? given : PostgreSqlPort;
        if (host.StartsWith('/'))
        {
            var socket = $"{host}/.s.PGSQL.{port}";
            if (File.Exists(socket)) report.Ok("database", shown, $"PostgreSQL's socket {socket} is there");
            else report.Error("database", shown, $"{socket} is not there", "systemctl start postgresql; check unix_socket_directories in postgresql.conf");
            return;
        }
        if (host.Length == 0) host = "localhost";
        if (await Reach.Connect(host, port) is { } why)
            report.Error("database", shown, $"port {port} of {host} {why}", $"on {host}: systemctl start postgresql; check listen_addresses in postgresql.conf and the firewall");
        else report.Ok("database", shown, $"PostgreSQL's port {port} of {host} answers");
    }

    static void Sqlite(Report report, string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory)) report.Error("database", path, $"{directory} is not there", $"mkdir -p {directory}, owned by the user that clinkerd runs as");
        // Its journal lies beside it.
        else if (!Posix.MayWrite(directory)) report.Error("database", path, $"{directory} may not be written by this user", $"give {directory} to the user that clinkerd runs as");
        else if (!File.Exists(path)) report.Ok("database", path, "is made when clinkerd starts");
        else if (!Posix.MayWrite(path)) report.Error("database", path, "may not be written by this user", $"give {path} to the user that clinkerd runs as");
        else if (!IsSqlite(path)) report.Error("database", path, "is not a SQLite database", "name another file in [database] connection");
        else report.Ok("database", path, "is a SQLite database and can be written");
    }

    static bool IsSqlite(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Span<byte> head = stackalloc byte[16];
        var read = file.ReadAtLeast(head, 16, throwOnEndOfStream: false);
        return read == 0 || head[..read].SequenceEqual("SQLite format 3\0"u8);
    }

    [GeneratedRegex("(?<=://)([^:/@]*):[^@]*@")]
    private static partial Regex Password();

    // Not a URL of RFC 3986: there may be a user without a host (sqlalchemy/engine/url.py).
    [GeneratedRegex(@"^[\w+]+://(?:[^/@]*@)?(?:\[(?<host>[^\]]+)\]|(?<host>[^/:?]*))(?::(?<port>\d+))?(?:/[^?]*)?(?:\?(?:.*&)?host=(?<inquery>[^&]+))?")]
    private static partial Regex PostgreSql();

    public static async Task Endpoint(Report report, CloudSettings settings, string? configured, TextWriter? debug, CancellationToken token)
    {
        using var wire = new Wire(settings, debug);
        var endpoint = settings.Endpoint ?? configured ?? CloudSettings.EmbeddedEndpoint;
        try
        {
            if (settings.AuthType is "password" or "token" or "v3applicationcredential")
            {
                (_, endpoint) = await Keystone.Authenticate(settings, wire, token);
                report.Ok("endpoint", settings["auth_url"] ?? "", "Keystone gave a token");
            }
            var root = BlockStorage.Root(endpoint);
            var site = new Uri(root, root.AbsolutePath[..root.AbsolutePath.IndexOf("/v3/", StringComparison.Ordinal)] + "/");
            var (status, said) = await wire.Probe(new Uri(site, "healthcheck"), token);
            if (status == 404) report.Note("endpoint", site + "healthcheck", "there is no such page: it is not Clinker that answers, or a proxy keeps it");
            else if (status != 200)
                report.Error("endpoint", site + "healthcheck", $"answers {status}: {said.Trim()}", "look at the log of clinkerd: it says what is not well");
            else report.Ok("endpoint", site + "healthcheck", "answers 200");
            var versions = (await wire.Send(HttpMethod.Get, new Uri(site, "v3/"), null, null, token)).Body?["versions"] as JsonArray;
            if (versions?.FirstOrDefault()?["version"]?.ToString() is { Length: > 0 } newest) report.Ok("endpoint", site + "v3/", $"is Block Storage API v3, up to {newest}");
            else report.Error("endpoint", site + "v3/", "does not answer as the Block Storage API does", "check the endpoint's URL (OS_ENDPOINT, clouds.yaml or the service catalog)");
        }
        catch (Exception e) when (e is CliFault or ApiFault)
        {
            report.Error("endpoint", endpoint, e.Message.Split('\n')[0], "start clinkerd and look at its log; name the endpoint with --os-endpoint or OS_ENDPOINT if it is another");
        }
    }
}
