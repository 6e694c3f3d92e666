using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Ini;

namespace Clinker.Cli.Checks;

/// <summary>The database and the API endpoint.</summary>
internal static class ServiceChecks
{
    const int PostgreSqlPort = 5432;

    public static async Task Database(Report report, string? connection)
    {
        if (connection is null)
        {
            report.Note("database", "[database] connection", "is not set: clinkerd keeps a SQLite file in its own state directory");
            return;
        }
        var scheme = connection.Split("://")[0].Split('+')[0];
        var shown = Masked(connection);
        if (scheme == "sqlite") Sqlite(report, connection[(connection.IndexOf("://", StringComparison.Ordinal) + 3)..]);
        else if (scheme is "postgresql" or "postgres" && Uri.TryCreate(connection, UriKind.Absolute, out var uri))
        {
            var host = uri.Host.Length == 0 ? "localhost" : uri.Host.Trim('[', ']');
            var port = uri.Port > 0 ? uri.Port : PostgreSqlPort;
            if (await Reach.Connect(host, port) is { } why)
                report.Error("database", shown, $"port {port} of {host} {why}", $"on {host}: systemctl start postgresql; check listen_addresses in postgresql.conf and the firewall");
            else report.Ok("database", shown, $"PostgreSQL's port {port} of {host} answers");
        }
        else
            report.Error("database", shown, $"{scheme} is not a database that Clinker uses", "set [database] connection to postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:////PATH");
    }

    /// <summary>SQLAlchemy's form: three slashes before a relative path, four before an absolute one.</summary>
    static void Sqlite(Report report, string rest)
    {
        var path = Path.GetFullPath(rest.StartsWith('/') ? rest[1..] : rest);
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

    static string Masked(string connection) =>
        Uri.TryCreate(connection, UriKind.Absolute, out var uri) && uri.UserInfo.Contains(':')
            ? connection.Replace(uri.UserInfo, uri.UserInfo.Split(':')[0] + ":***", StringComparison.Ordinal)
            : connection;

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
