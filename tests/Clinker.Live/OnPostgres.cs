using System.Collections.Concurrent;
using Clinker.Contracts.Postgres;
using Clinker.Host;
using Npgsql;
using Xunit;

namespace Clinker.Live;

/// <summary>Two daemons on one PostgreSQL that is restarted under them.</summary>
public sealed class OnPostgres
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task A_restart_of_the_database_under_load_loses_nothing_and_service_goes_on()
    {
        await using var server = await PostgresServer.StartOrSkip();
        var folder = Directory.CreateTempSubdirectory("clinker-live-pg-").FullName;
        try
        {
            var to = new NpgsqlConnectionStringBuilder(await server.NewDatabase());
            string Config(string host)
            {
                var path = Path.Combine(folder, host + ".conf");
                File.WriteAllText(path, $"""
                    [DEFAULT]
                    host = {host}
                    state_path = {folder}/{host}
                    volume_driver = directory
                    directory_paths = {folder}/{host}/volumes
                    quota_volumes = -1
                    quota_gigabytes = -1
                    report_interval = 2
                    [database]
                    connection = postgresql://{to.Username}:{Uri.EscapeDataString(to.Password ?? "")}@{to.Host}:{to.Port}/{to.Database}

                    """);
                Directory.CreateDirectory(Path.Combine(folder, host));
                return path;
            }
            await using var one = new Daemon(Path.Combine(folder), "--config-file", Config("one"));
            await using var two = new Daemon(Path.Combine(folder), "--config-file", Config("two"));
            await one.Start();
            await two.Start();

            var accepted = new ConcurrentBag<string>();
            using var over = new CancellationTokenSource();
            var load = Background.Start(async () =>
            {
                while (!over.IsCancellationRequested)
                {
                    foreach (var daemon in (Daemon[])[one, two])
                        if (await daemon.Create(1) is { } id) accepted.Add(id); // what was refused (503) was not accepted
                    await Task.Delay(10, CancellationToken.None);
                }
            });
            await Task.Delay(1500);
            await server.Restart();
            await Task.Delay(3000);
            await over.CancelAsync();
            await load;
            foreach (var id in accepted) Assert.Equal("available", await one.Settled(id, Patience));
            var rows = await two.Volumes();
            foreach (var id in rows.Keys) Assert.Equal("available", await two.Settled(id, Patience));
            var files = ((string[])["one", "two"]).SelectMany(h => Directory.GetFiles(Path.Combine(folder, h, "volumes"), "volume-*"))
                .Select(f => Path.GetFileName(f)["volume-".Length..]);
            Assert.Equal(rows.Keys.Order(), files.Order());
            var after = (await two.Create(1))!;
            Assert.Equal("available", await one.Settled(after, Patience));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
