using Clinker.Contracts.Postgres;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedPostgres))]

namespace Clinker.Contracts.Postgres;

/// <summary>A server that the first test that asks starts, and the end of the last one ends.</summary>
public abstract class LazyPostgres : IAsyncDisposable
{
    readonly Lazy<Task<PostgresServer>> server = new(PostgresServer.StartOrSkip);

    public Task<PostgresServer> StartOrSkip() => server.Value;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully) await (await server.Value).DisposeAsync();
    }
}

/// <summary>One for all tests of this assembly that leave it running.</summary>
public sealed class SharedPostgres : LazyPostgres
{
    readonly SemaphoreSlim making = new(1);
    string? reused;

    /// <summary>An empty database that only one test at a time may use: emptying takes a tenth of making.</summary>
    public async Task<string> EmptyDatabase()
    {
        var server = await StartOrSkip();
        await making.WaitAsync();
        try
        {
            if (reused is null) reused = await server.NewDatabase();
            else await server.Execute("drop schema public cascade; create schema public", reused);
            return reused;
        }
        finally { making.Release(); }
    }
}

/// <summary>One for the tests of a class, which may end it and start it again (<c>IClassFixture</c>).</summary>
public sealed class OwnPostgres : LazyPostgres;
