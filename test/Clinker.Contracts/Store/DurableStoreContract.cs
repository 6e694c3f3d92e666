using Clinker.Operations;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>What a database that outlives its process means, besides.</summary>
public abstract class DurableStoreContract : StoreContract
{
    /// <summary>Opens the same database again, as the next start of a daemon does.</summary>
    protected abstract Task<Database> OpenAgain();

    async Task Reopen()
    {
        await Db.DisposeAsync();
        Db = await OpenAgain();
    }

    Task<List<(int, long)>> Applied() => Db.Read(tx => tx.Query(
        $"select number, applied_at from schema_version order by number", r => (r.GetInt32(0), r.GetInt64(1))));

    [Fact]
    public async Task What_was_committed_is_there_at_the_next_start()
    {
        await Db.Commit(async tx => { await Bump(tx, "a"); await tx.Operations.Start("op", "q"); });
        await Reopen();
        Assert.Equal(1, await Bumps("a"));
        Assert.Equal("op", Assert.Single(await Db.Commit(tx => tx.Operations.Claim(["q"], "next", TimeSpan.FromSeconds(30), 10))).Id);
    }

    [Fact]
    public async Task Migrations_are_applied_once()
    {
        var first = await Applied();
        Assert.NotEmpty(first);
        Assert.Equal(Enumerable.Range(1, first.Count), first.Select(m => m.Item1));
        Clock.Shift += TimeSpan.FromHours(1);
        await Reopen();
        await Reopen();
        Assert.Equal(first, await Applied());
    }

    [Fact]
    public async Task A_newer_schema_is_refused_and_left_as_it_is()
    {
        await Db.Commit(tx => tx.Execute($"insert into schema_version (number, applied_at) values (9999, 0)"));
        await Db.DisposeAsync();
        for (var i = 0; i < 2; i++) // the refusal keeps nothing open
        {
            var fault = Assert.IsType<Fault.Misconfigured>(await Refused(OpenAgain));
            Assert.Matches("^The database is at schema 9999, this program knows [0-9]+: start the newer program.$", fault.Message);
        }
    }
}
