using Clinker.Operations;
using Clinker.Store;
using Xunit;
using static Clinker.Operations.OperationStatus;

namespace Clinker.Contracts.Store;

/// <summary>What is remembered of operations: journals, lists, and when they are forgotten.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task The_journal_keeps_what_was_written_once()
    {
        var row = await Claimed();
        for (var i = 0; i < 5; i++) await Db.Commit(tx => tx.Operations.Journal(row.Id, $"s{i}", "done", $"\"ü{i}\""));
        await Db.Commit(tx => tx.Operations.Journal(row.Id, "s0", "undone", null));
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => Db.Commit(tx => tx.Operations.Journal(row.Id, "s0", "done", "1")));
        var entries = await Db.Read(tx => tx.Operations.Journal(row.Id));
        Assert.Equal(["s0", "s1", "s2", "s3", "s4", "s0"], entries.Select(e => e.Step));
        Assert.Equal(("\"ü4\"", null), (entries[4].Data, entries[5].Data));
    }

    [Fact]
    public async Task What_was_written_in_one_transaction_is_read_in_one_order()
    {
        var row = await Claimed();
        await Db.Commit(async tx =>
        {
            foreach (var step in (string[])["b", "a", ""]) await tx.Operations.Journal(row.Id, step, step.Length == 0 ? "fault" : "undone", null);
        });
        Assert.Equal(["", "a", "b"], (await Db.Read(tx => tx.Operations.Journal(row.Id))).Select(e => e.Step));
    }

    [Fact]
    public async Task Operations_are_listed_in_pages_newest_first()
    {
        var rows = new List<OperationRow>();
        for (var i = 0; i < 5; i++)
        {
            rows.Add(i == 3 ? await Started("other") : await Claimed());
            Clock.Shift += TimeSpan.FromMilliseconds(2);
        }
        await Stuck(rows[1]);
        async Task<string> Listed(ListQuery query) => string.Concat((await Db.Read(tx => tx.Operations.List(query))).Select(o => rows.FindIndex(r => r.Id == o.Id)));
        ListQuery Where(string column, string value) => new() { Filters = [new(column, Op.Equal, value)] };
        Assert.Equal("43210", await Listed(new()));
        Assert.Equal("43", await Listed(new() { Limit = 2 }));
        Assert.Equal("21", await Listed(new() { Limit = 2, Marker = rows[3].Id }));
        Assert.Equal("", await Listed(new() { Marker = rows[0].Id }));
        Assert.Equal("1", await Listed(Where("status", OperationStatus.Stuck)));
        Assert.Equal("3", await Listed(Where("queue", "other")));
        Assert.Equal("2", await Listed(Where("about_id", rows[2].About.Id)));
        Assert.Equal("43210", await Listed(Where("about_kind", "volume")));
        Assert.Equal("43210", await Listed(new() { ProjectId = "p" }));
        Assert.Equal("", await Listed(new() { ProjectId = "stranger" }));
        Assert.Equal("01234", await Listed(new() { Sort = [new("request_id", false), new("created_at", false), new("id", false)] }));
        Assert.Equal(new Fault.NotFound("Operation", "none"), await Refused(() => Listed(new() { Marker = "none" })));
    }

    [Fact]
    public async Task Old_ends_are_forgotten_with_their_journals_and_nothing_else()
    {
        var rows = new List<OperationRow>();
        for (var i = 0; i < 6; i++) rows.Add(await Claimed());
        foreach (var row in rows) await Db.Commit(tx => tx.Operations.Journal(row.Id, "s", "done", null));
        for (var i = 0; i < 4; i++)
            await Db.Commit(tx => tx.Operations.End(rows[i].Id, rows[i].Generation, i % 2 == 0 ? Done : Failed, null));
        await Stuck(rows[4]);
        Task<int> Forget(int most) => Db.Commit(tx => tx.Operations.Forget(tx.Now.AddDays(-1), most));
        Assert.Equal(0, await Forget(10));
        Clock.Shift += TimeSpan.FromDays(2);
        Assert.Equal(3, await Forget(3));
        Assert.Equal(1, await Forget(10));
        Assert.Equal(2, await Db.Read(tx => tx.Number($"select count(*) from journal")));
        Assert.Equal(new[] { rows[4].Id, rows[5].Id }.Order(), (await Db.Read(tx => tx.Operations.List(new()))).Select(r => r.Id).Order());
    }
}
