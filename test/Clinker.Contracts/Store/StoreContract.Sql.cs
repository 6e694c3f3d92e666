using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Statements and values: what goes in comes back, the same on both.</summary>
public abstract partial class StoreContract
{
    Task MakeProbe() => Db.Commit(tx => tx.Execute(
        $"create table probe (n integer, big bigint, d double precision, b boolean, t text, at bigint)"));

    Task<(int, long, double, bool, string?, DateTime)> PutAndGet(
        int n, long big, double d, bool b, string? t, DateTime at) => Db.Commit(async tx =>
    {
        await tx.Execute($"delete from probe");
        await tx.Execute($"insert into probe (n, big, d, b, t, at) values ({n}, {big}, {d}, {b}, {t}, {at})");
        return await tx.One($"""
            select n, big, d, b, t, at from probe
            where n = {n} and big = {big} and d = {d} and b = {b} and coalesce(t, '') = {t ?? ""} and at = {at}
            """, r => (r.GetInt32(0), r.GetInt64(1), r.GetDouble(2), r.GetBoolean(3), r.Text(4), r.Time(5)));
    });

    [Fact]
    public async Task Values_come_back_as_they_were()
    {
        await MakeProbe();
        var first = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        string?[] texts =
        [
            null, "", " ", "plain", "it's \"quoted\" \\ and 100% $1 ?1 :p @x {0}", "line\nline\r\n\ttab", "Ünïcödé ǅ ß", "日本語", "👍🏽 e\u0301",
            "\u0001\u001f\u007f\ufeff\uffff", "'; drop table probe; --", new('x', 1_000_000), string.Concat(Enumerable.Repeat("é👍", 300_000)),
        ];
        foreach (var text in texts)
        {
            var row = (7, 9_007_199_254_740_993L, 0.1, true, text, Some.Time);
            Assert.Equal(row, await PutAndGet(row.Item1, row.Item2, row.Item3, row.Item4, row.text, row.Time));
        }
        Assert.Equal((int.MinValue, long.MinValue, double.MaxValue, false, "", first),
            await PutAndGet(int.MinValue, long.MinValue, double.MaxValue, false, "", first));
        Assert.Equal((int.MaxValue, long.MaxValue, -double.Epsilon, true, "", first.AddMicroseconds(-1)),
            await PutAndGet(int.MaxValue, long.MaxValue, -double.Epsilon, true, "", first.AddMicroseconds(-1)));
    }

    [Fact]
    public async Task A_text_that_can_not_be_kept_is_the_callers_fault()
    {
        await MakeProbe();
        string[] texts = ["a\0b", "\0", "\ud83d", "a\udc4d", "\udc4d\ud83d", "\ud83d\ud83d\udc4d", "ends in \ud83d"];
        foreach (var text in texts)
        {
            Assert.IsType<Fault.Invalid>(await Refused(() => Db.Commit(tx => tx.Execute($"insert into probe (t) values ({text})"))));
            Assert.IsType<Fault.Invalid>(await Refused(() => Db.Read(tx => tx.Number($"select count(*) from probe where t = {text}"))));
        }
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select count(*) from probe")));
    }

    [Fact]
    public async Task A_value_that_only_one_database_would_keep_is_refused_by_both()
    {
        foreach (var value in new object[] { 1.5m, new DateTimeOffset(Some.Time), Guid.Empty, TimeSpan.Zero, 'x', 1u, DayOfWeek.Friday, new byte[1] })
            await Assert.ThrowsAsync<ArgumentException>(() => Db.Commit(tx => tx.Execute($"insert into message (id) values ({value})")));
    }

    /// <summary>Both prepare statements that come again; the types of parameters may differ then.</summary>
    [Fact]
    public async Task One_text_may_come_again_with_nulls_and_without()
    {
        await MakeProbe();
        for (var i = 0; i < 12; i++)
        {
            var text = i % 3 == 1 ? null : $"t{i}";
            DateTime? at = i % 2 == 0 ? Some.Time.AddSeconds(i) : null;
            await Db.Commit(tx => tx.Execute($"insert into probe (n, t, at) values ({i}, {text}, {at})"));
            var row = await Db.Read(tx => tx.One(
                $"select t, at from probe where n = {i} and (t = {text} or t is null)", r => (r.Text(0), r.TimeOrNull(1))));
            Assert.Equal((text, at), row);
        }
        Assert.Equal(4, await Db.Read(tx => tx.Number($"select count(*) from probe where t is null")));
        Assert.Equal(12, await Db.Commit(tx => tx.Execute($"update probe set b = {true}")));
        Assert.Equal(0, await Db.Commit(tx => tx.Execute($"update probe set b = {true} where n = {99}")));
    }

    [Fact]
    public async Task A_statement_in_a_statement_gets_its_numbers_anew()
    {
        await MakeProbe();
        await Db.Commit(async tx =>
        {
            for (var i = 0; i < 10; i++) await tx.Execute($"insert into probe (n, t) values ({i}, {$"{i}" + ""})");
        });
        var (low, high) = (2, 8);
        Sql range = $"n >= {low} and n < {high}";
        Sql notFive = $"n <> {5}";
        Sql both = $"({range}) and ({notFive})";
        Sql statement = $"select count(*) from probe where t <> {"3"} and {both} and {range} and n + {1} > {0}";
        Assert.Equal("select count(*) from probe where t <> $1 and (n >= $2 and n < $3) and (n <> $4) and n >= $5 and n < $6 and n + $7 > $8",
            statement.ToString());
        Assert.Equal(4, await Db.Read(tx => tx.Number(statement)));
        Assert.Equal(4, await Db.Read(tx => tx.Number(statement))); // and may be used again
        var any = Sql.Join(" or ", [range, $"n = {9}", Sql.Raw("n = 0")]);
        Assert.Equal(8, await Db.Read(tx => tx.Number($"select count(*) from probe where ({any}){Sql.Nothing}")));
    }

    [Fact]
    public async Task A_list_may_be_empty()
    {
        await MakeProbe();
        await Db.Commit(tx => tx.Execute($"insert into probe (n, t) values (1, 'a'), (2, 'b'), (3, null)"));
        Task<long> In<T>(Sql column, params T[] values) =>
            Db.Read(tx => tx.Number($"select count(*) from probe where {column} in ({Sql.List(values)})"));
        Assert.Equal(2, await In<string>(Sql.Raw("t"), "a", "b", "c", "'"));
        Assert.Equal(1, await In<int>(Sql.Raw("n"), 3));
        Assert.Equal(0, await In<int>(Sql.Raw("n")));
        Assert.Equal(0, await In<string>(Sql.Raw("t")));
        Assert.Equal(2, await In<int>(Sql.Raw("n"), [.. Enumerable.Range(2, 2000)]));
    }

    [Fact]
    public async Task Nothing_to_count_is_zero()
    {
        await MakeProbe();
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select max(n) from probe")));
        Assert.Equal(0, await Db.Read(tx => tx.Number($"select n from probe")));
        Assert.Null(await Db.Read(tx => tx.One($"select t from probe", r => r.Text(0))));
    }

    /// <summary>More texts than are kept ready.</summary>
    [Fact]
    public async Task Many_different_statements_do_no_harm()
    {
        await MakeProbe();
        await Db.Commit(async tx =>
        {
            for (var i = 0; i < 400; i++) await tx.Execute($"insert into probe (n) values ({Sql.Raw($"{i} + ")}{i})");
            Assert.Equal(400 * 399, await tx.Number($"select sum(n) from probe"));
        });
        await Db.Read(async tx =>
        {
            for (var i = 0; i < 400; i++)
                Assert.Equal(1, await tx.Number($"select count(*) from probe where n = {Sql.Raw($"{i} + ")}{i}"));
            return 0;
        });
    }

    [Fact]
    public async Task A_repeated_key_is_refused_with_its_cause()
    {
        await Db.Commit(tx => tx.Volumes.Insert(Some.Volume() with { Id = "same" }));
        await Assert.ThrowsAnyAsync<DbException>(() => Db.Commit(tx => tx.Volumes.Insert(Some.Volume() with { Id = "same" })));
    }
}
