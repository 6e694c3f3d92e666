using System.Globalization;
using Clinker.Host;
using Clinker.Store;
using Clinker.Volumes;

namespace Clinker.Bench;

/// <summary>Many volumes without making them: rows, written into the database of a daemon that does not run.</summary>
static class Rows
{
    static readonly IReadOnlyDictionary<string, string> Words =
        new Dictionary<string, string> { ["purpose"] = "bench", ["owner"] = "nobody in particular" };

    /// <summary>
    /// Copies a volume until there are <paramref name="count"/>: another id, name and time, and metadata on every fourth. Room and
    /// quota are counted as if each had been made.
    /// </summary>
    public static async Task Fill(string path, string likeId, int count)
    {
        var ids = new Ids();
        await using var db = await SqliteDatabase.Open(path, TimeProvider.System);
        await db.Commit(async tx =>
        {
            var like = await tx.Volumes.Get(likeId);
            var first = like.CreatedAt.AddSeconds(-count);
            for (var i = 1; i < count; i++)
            {
                await tx.Volumes.Insert(like with
                {
                    Id = ids.New(),
                    Name = "volume-of-bench-" + i.ToString(CultureInfo.InvariantCulture),
                    CreatedAt = first.AddSeconds(i),
                    UpdatedAt = first.AddSeconds(i + 0.01),
                    Metadata = i % 4 == 0 ? Words : Volume.EmptyMetadata,
                });
            }
            await tx.Execute($"""
                insert into reservation (volume_id, pool, size_gb, at) select id, host, size_gb, created_at from volume where true
                on conflict (volume_id) do nothing
                """);
            await tx.Execute($"""
                update pool set allocated_gb = (select coalesce(sum(size_gb), 0) from reservation where pool = pool.name),
                  volumes = (select count(*) from reservation where pool = pool.name)
                """);
            await tx.Execute($"""
                update quota_usage set in_use = (select case resource when 'volumes' then count(*) else sum(size_gb) end from volume
                  where project_id = quota_usage.project_id)
                """);
        });
    }
}
