using System.Diagnostics;
using Clinker.Contracts.Postgres;
using Clinker.Operations;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>A server that goes away and comes back: a clear fault meanwhile, and then everything as before by itself.</summary>
public sealed class PostgresOutages(OwnPostgres own) : IClassFixture<OwnPostgres>, IAsyncLifetime
{
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(6);

    PostgresServer server = null!;
    Database db = null!;
    Database listener = null!;
    readonly SemaphoreSlim heard = new(0);

    public async ValueTask InitializeAsync()
    {
        server = await own.StartOrSkip();
        var connection = await server.NewDatabase();
        db = await PostgresDatabase.Open(connection, TimeProvider.System);
        listener = await PostgresDatabase.Open(connection, TimeProvider.System);
        listener.Woken += queue => { if (queue == "q") heard.Release(); };
        await Announced();
    }

    public async ValueTask DisposeAsync()
    {
        if (db is not null) await db.DisposeAsync();
        if (listener is not null) await listener.DisposeAsync();
        heard.Dispose();
    }

    [Fact]
    public Task A_crash_and_restart_under_load_is_a_fault_that_passes() => UnderLoad(server.Restart);

    [Fact]
    public Task Connections_that_are_cut_under_load_are_a_fault_that_passes() => UnderLoad(async () =>
    {
        for (var i = 0; i < 5; i++)
        {
            await server.Execute("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'clinkerd'");
            await Task.Delay(50);
        }
    });

    [Fact]
    public async Task A_server_that_is_down_is_said_so_at_the_start()
    {
        var connection = await server.NewDatabase();
        await server.Stop();
        var fault = (await Assert.ThrowsAsync<FaultException>(() => PostgresDatabase.Open(connection, TimeProvider.System))).Fault;
        Assert.IsType<Fault.Unavailable>(fault);
        await server.Start();
        await using var again = await PostgresDatabase.Open(connection, TimeProvider.System);
        // The others come back by themselves, although nobody asked them anything meanwhile.
        await Announced();
    }

    /// <summary>Commits and reads all the time while <paramref name="outage"/> happens, then until all goes well again.</summary>
    async Task UnderLoad(Func<Task> outage)
    {
        using var stop = new CancellationTokenSource();
        var (sure, unsure, refused) = (0, 0, 0);
        var lastFault = 0L;
        var watch = Stopwatch.StartNew();
        var load = Enumerable.Range(0, 6).Select(worker => Host.Background.Start(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    if (worker < 4)
                    {
                        await db.Commit(tx => tx.Execute($"""
                            insert into quota_usage (project_id, resource, in_use) values ('load', 'commits', {1})
                            on conflict (project_id, resource) do update set in_use = quota_usage.in_use + 1
                            """));
                        Interlocked.Increment(ref sure);
                    }
                    else await db.Read(tx => tx.Quotas.InUse("load", "commits"));
                }
                catch (FaultException e) when (e.Fault is Fault.Unavailable { Transient: true })
                {
                    if (worker < 4) Interlocked.Increment(ref unsure);
                    Interlocked.Increment(ref refused);
                    Interlocked.Exchange(ref lastFault, watch.ElapsedMilliseconds);
                    await Task.Delay(20);
                }
            }
        })).ToList();
        try
        {
            await Task.Delay(300);
            Assert.Equal(0, refused);
            await outage();
            var back = watch.ElapsedMilliseconds;
            Assert.True(refused > 0, "nobody noticed");
            await Announced();
            await Task.Delay(500);
            var before = sure;
            await Task.Delay(300);
            Assert.True(sure > before, "commits do not go on");
            Assert.InRange(lastFault - back, long.MinValue, 2000);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(load); // anything but Unavailable ends here
        }
        Assert.InRange(await db.Read(tx => tx.Quotas.InUse("load", "commits")), sure, sure + unsure);
    }

    /// <summary>Waits until a wake-up from one host reaches the other.</summary>
    async Task Announced()
    {
        var watch = Stopwatch.StartNew();
        while (await heard.WaitAsync(0)) { }
        do
        {
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
            try { await db.Commit(tx => { tx.Wake("q"); return Task.CompletedTask; }); }
            catch (FaultException e) when (e.Fault is Fault.Unavailable) { /* not yet */ }
        }
        while (!await heard.WaitAsync(TimeSpan.FromMilliseconds(200)));
    }
}
