using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Clinker.Host;
using Npgsql;
using Xunit;

namespace Clinker.Contracts.Postgres;

/// <summary>
/// A PostgreSQL from Debian's package, started for tests: its own data directory under the temp folder, its own port on
/// 127.0.0.1. Ended and removed by <see cref="DisposeAsync"/>; what a killed test run left behind, by the next start.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    const string Prefix = "clinker-postgres-";
    const string Packages = "/usr/lib/postgresql";
    static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    readonly string bin;
    readonly string folder;
    readonly int port;
    readonly string password;
    int databases;

    PostgresServer(string bin, string folder, int port, string password)
    {
        this.bin = bin;
        this.folder = folder;
        this.port = port;
        this.password = password;
    }

    string Data => Path.Combine(folder, "data");

    /// <summary>
    /// Starts one. Where PostgreSQL is not installed, the test is skipped with the reason, or fails when CI=true.
    /// </summary>
    public static async Task<PostgresServer> StartOrSkip()
    {
        if (Find() is not { } bin)
        {
            var why = $"PostgreSQL is not installed: no initdb under {Packages}/*/bin (apt-get install postgresql).";
            if (Environment.GetEnvironmentVariable("CI") == "true") throw new InvalidOperationException(why);
            Assert.Skip(why);
            throw new InvalidOperationException(why);
        }
        await RemoveLeftovers(bin);
        var folder = Path.Combine(Path.GetTempPath(), $"{Prefix}{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, true)}");
        var server = new PostgresServer(bin, folder, FreePort(), RandomNumberGenerator.GetHexString(24, true));
        try
        {
            await server.Make();
            await server.Start();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty database; gives the connection string for it, in Npgsql's form.</summary>
    public async Task<string> NewDatabase()
    {
        var name = $"clinker_{Interlocked.Increment(ref databases)}";
        await Execute($"create database {name}");
        return To(name);
    }

    /// <summary>Runs a statement as an administrator, beside what is tested; gives the first column of the first row.</summary>
    /// <param name="connectionString">Of the database to run it in; null for one that nobody else uses.</param>
    public async Task<object?> Execute(string sql, string? connectionString = null)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString ?? To("postgres")) { Pooling = false, ApplicationName = "test" }.ToString());
        await connection.OpenAsync();
#pragma warning disable CA2100 // tests' own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Ends it as a crash would and starts it again on the same data and port.</summary>
    public async Task Restart()
    {
        await Stop();
        await Start();
    }

    /// <summary>Ends it as a crash would; clients lose their connections. <see cref="Start"/> brings it back.</summary>
    public Task Stop() => Run("pg_ctl", ["stop", "-D", Data, "-m", "immediate", "-w"]);

    /// <summary>Starts it (again) and waits until it answers.</summary>
    public Task Start() => Run("pg_ctl", ["start", "-D", Data, "-l", Path.Combine(folder, "log"), "-w", "-t", "30"]);

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await Remove(bin, folder);
    }

    async Task Make()
    {
        await NewFolder(folder);
        var secret = Path.Combine(folder, "password");
        await File.WriteAllTextAsync(secret, password);
        await Run("initdb", ["-D", Data, "-N", "-U", "clinker", "-E", "UTF8", "--locale=C.UTF-8", "-A", "md5", $"--pwfile={secret}"]);
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), $"""

            listen_addresses = '127.0.0.1'
            port = {port}
            unix_socket_directories = ''
            max_connections = 200
            shared_buffers = 64MB
            # Only the machine's end could lose data now, not the server's.
            fsync = off
            full_page_writes = off
            # A thousandth of the work of SCRAM, at every connection.
            password_encryption = md5
            # The tests count what the product runs, and provoke deadlocks.
            autovacuum = off
            deadlock_timeout = 100ms
            shared_preload_libraries = 'pg_stat_statements'

            """);
    }

    string To(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Username = "clinker",
        Password = password,
        Database = database,
        // Each costs a question at every connection.
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ToString();

    async Task Run(string program, IReadOnlyList<string> arguments)
    {
        var result = await AsServer(bin, program, arguments);
        if (result.ExitCode == 0) return;
        var log = Path.Combine(folder, "log");
        throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {result.Error}{result.Output}"
            + (File.Exists(log) ? await File.ReadAllTextAsync(log) : ""));
    }

    /// <summary>The server refuses to be root's; Debian's package has made a user for it.</summary>
    static Task<ProcessResult> AsServer(string bin, string program, IReadOnlyList<string> arguments) => Environment.IsPrivilegedProcess
        ? Processes.Run("runuser", ["-u", "postgres", "--", Path.Combine(bin, program), .. arguments], Deadline)
        : Processes.Run(Path.Combine(bin, program), arguments, Deadline);

    static async Task NewFolder(string folder)
    {
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException();
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (!Environment.IsPrivilegedProcess) return;
        var result = await Processes.Run("chown", ["postgres:", folder], Deadline);
        if (result.ExitCode != 0) throw new InvalidOperationException(result.Error);
    }

    /// <summary>The newest version that is installed.</summary>
    static string? Find() => !Directory.Exists(Packages) ? null : Directory.GetDirectories(Packages)
        .OrderByDescending(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var version) ? version : 0)
        .Select(d => Path.Combine(d, "bin"))
        .FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")));

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Servers of test runs that were killed: their folder names a process that is no more.</summary>
    static async Task RemoveLeftovers(string bin)
    {
        foreach (var folder in Directory.GetDirectories(Path.GetTempPath(), Prefix + "*"))
            if (Path.GetFileName(folder)[Prefix.Length..].Split('-') is [var pid, _] && !Directory.Exists($"/proc/{pid}"))
                await Remove(bin, folder);
    }

    static async Task Remove(string bin, string folder)
    {
        var data = Path.Combine(folder, "data");
        if (File.Exists(Path.Combine(data, "postmaster.pid")))
            await AsServer(bin, "pg_ctl", ["stop", "-D", data, "-m", "immediate", "-w"]);
        try { Directory.Delete(folder, recursive: true); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* somebody else's, or gone meanwhile */ }
    }
}
