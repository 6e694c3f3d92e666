using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Clinker.Server.Configuration;

/// <summary>Where the rows are: <c>[database] connection</c>.</summary>
abstract partial record DatabaseUrl
{
    /// <summary>A file of SQLite, which one daemon has to itself.</summary>
    public sealed record Sqlite(string Path) : DatabaseUrl
    {
        public override string ToString() => $"sqlite:///{Path}";
    }

    /// <summary>A database of PostgreSQL, for one or several hosts.</summary>
    /// <param name="Connection">As Npgsql wants it, with the password: never to be logged. <see cref="ToString"/> may be.</param>
    public sealed record Postgres(string Connection) : DatabaseUrl
    {
        public override string ToString()
        {
            var c = new NpgsqlConnectionStringBuilder(Connection);
            return $"postgresql://{c.Username}{(c.Username is null ? "" : "@")}{c.Host}:{c.Port}/{c.Database}";
        }
    }

    /// <summary>URLs as SQLAlchemy takes them, so that a <c>connection</c> written for Cinder can stay.</summary>
    public static readonly Kind<DatabaseUrl> Kind = new(
        "sqlite:////absolute/path, or postgresql://user:password@host:port/database (host may be a socket's directory: postgresql://user@/database?host=/run/postgresql)",
        Read);

    static string? Read(string text, out DatabaseUrl value)
    {
        value = null!;
        var at = text.IndexOf("://", StringComparison.Ordinal);
        if (at < 0) return "";
        // SQLAlchemy writes dialect+driver: which Python library to use is of no matter here.
        var dialect = text[..at].Split('+')[0];
        switch (dialect)
        {
            case "sqlite":
                var path = text[(at + 3)..];
                if (path is ['/', '/', not '/', ..])
                {
                    value = new Sqlite(Path.GetFullPath(path[1..]));
                    return null;
                }
                return path is ['/', ..] and not "/" and not "/:memory:"
                    ? $"SQLAlchemy takes this path as relative to the directory of the start, which is no place for a database; for an absolute path write four slashes: sqlite:///{path}"
                    : "";
            case "postgresql" or "postgres":
                return Pattern().Match(text) is { Success: true } url ? Postgresql(url, out value) : "";
            case "mysql" or "mariadb":
                return "MySQL and MariaDB are not supported: use PostgreSQL, or SQLite for a single host. Rows of an old Cinder database are not read from here in any case";
            default:
                return "";
        }
    }

    // Not a URL of RFC 3986: a password may hold unescaped signs, and there may be a user without a host (sqlalchemy/engine/url.py).
    [GeneratedRegex("""
        \A[\w+]+://
        (?:(?<user>[^:/]*)(?::(?<password>[^@]*))?@)?
        (?:\[(?<host>[^/?]+)\]|(?<host>[^/:?]+))?(?::(?<port>[0-9]{1,5}))?
        (?:/(?<database>[^?]*))?(?:\?(?<query>.*))?\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline)]
    private static partial Regex Pattern();

    static string? Postgresql(Match url, out DatabaseUrl value)
    {
        value = null!;
        string? Part(string name) => url.Groups[name] is { Success: true, Length: > 0 } part ? Uri.UnescapeDataString(part.Value) : null;
        if (Part("database") is not { } database) return "it names no database: postgresql://user:password@host/DATABASE";
        var c = new NpgsqlConnectionStringBuilder { ApplicationName = "clinkerd", Database = database };
        if (Part("host") is { } host) c.Host = host;
        if (Part("port") is { } digits)
        {
            if (!IsPort(digits, out var port)) return $"there is no port {digits}";
            c.Port = port;
        }
        if (Part("user") is { } user) c.Username = user;
        if (Part("password") is { } password) c.Password = password;
        foreach (var pair in url.Groups["query"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, given) = pair.Split('=', 2) is [var k, var v] ? (k, Uri.UnescapeDataString(v)) : (pair, "");
            // The names of libpq (PostgreSQL's documentation, 34.1.2), which is what SQLAlchemy hands them to.
            switch (key)
            {
                case "host": c.Host = given; break;
                case "port" when IsPort(given, out var port): c.Port = port; break;
                case "sslmode" when Enum.TryParse<SslMode>(given.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var mode) && Enum.IsDefined(mode): c.SslMode = mode; break;
                case "sslrootcert": c.RootCertificate = given; break;
                case "sslcert": c.SslCertificate = given; break;
                case "sslkey": c.SslKey = given; break;
                case "application_name": c.ApplicationName = given; break;
                case "connect_timeout" when int.TryParse(given, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 1024: c.Timeout = seconds; break;
                case "client_encoding" or "charset": break; // always UTF-8
                default: return $"\"{key}={given}\" behind the ? is not understood; known: host, port, sslmode, sslrootcert, sslcert, sslkey, application_name, connect_timeout";
            }
        }
        if (string.IsNullOrEmpty(c.Host)) return "it names no host: postgresql://user:password@HOST/database";
        value = new Postgres(c.ConnectionString);
        return null;
    }

    static bool IsPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;
}
