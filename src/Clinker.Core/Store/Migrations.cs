using System.Reflection;

namespace Clinker.Store;

/// <summary>
/// The schema, as numbered files that only go forward (<c>Store/Migrations/0001-….sql</c>). Applied at start in one
/// transaction under a lock, so hosts that start together apply each once.
/// </summary>
static class Migrations
{
    public static IReadOnlyList<(int Number, string Name)> All { get; } =
        [.. typeof(Migrations).Assembly.GetManifestResourceNames()
            .Where(n => n.EndsWith(".sql", StringComparison.Ordinal))
            .Select(n => (Number: NumberOf(n), Name: n))
            .OrderBy(m => m.Number)];

    public static Task Apply(Database database) => database.Commit(async tx =>
    {
        await tx.InTurn(Turn.Migrating);
        await tx.Execute($"create table if not exists schema_version (number integer primary key, applied_at bigint not null)");
        var done = await tx.Number($"select coalesce(max(number), 0) from schema_version");
        var newest = All.Count == 0 ? 0 : All[^1].Number;
        if (done > newest)
            throw new Operations.Fault.Misconfigured(
                $"The database is at schema {done}, this program knows {newest}: start the newer program.").Thrown();
        foreach (var (number, name) in All.Where(m => m.Number > done))
        {
            foreach (var statement in Text(name).Split(";\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                await tx.Execute(Sql.Raw(statement));
            await tx.Execute($"insert into schema_version (number, applied_at) values ({number}, {tx.Now})");
        }
    });

    static string Text(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    // "Clinker.Store.Migrations.0001-start.sql"; the compiler may put an underscore before the digit.
    static int NumberOf(string resource)
    {
        var file = resource[(resource.IndexOf("Migrations.", StringComparison.Ordinal) + "Migrations.".Length)..].TrimStart('_');
        return int.Parse(file.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture);
    }
}
