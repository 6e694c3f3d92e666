using System.Globalization;
using Clinker.Attachments;
using Clinker.Host;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Bench;

/// <summary>Many volumes without making them: rows, written into the database of a daemon that does not run.</summary>
static class Rows
{
    const int Types = 20;

    /// <summary>What a compute host of today says of itself, and what it is told: about as long.</summary>
    const string Connector = """
        {"platform": "x86_64", "os_type": "linux", "ip": "192.0.2.17", "host": "compute-17", "multipath": false, "do_local_attach": false,
        "initiator": "iqn.1994-05.com.redhat:f5a1b2c3d4e5", "nqn": "nqn.2014-08.org.nvmexpress:uuid:9dd5b1a0-5a5c-4c49-a1ad-0f5a2d0e3c11",
        "system uuid": "9dd5b1a0-5a5c-4c49-a1ad-0f5a2d0e3c11", "mountpoint": "/dev/vdb", "enforce_multipath": true, "found_dsc": ""}
        """;

    /// <inheritdoc cref="Connector"/>
    const string Connection = """
        {"driver_volume_type": "glusterfs", "data": {"export": "gluster1.example.org:/volumes", "name": "volume-00000000-0000-0000-0000-000000000000",
        "options": null, "format": "raw", "qos_specs": null, "access_mode": "rw", "encrypted": false, "cacheable": false},
        "mount_point_base": "/var/lib/cinder/mnt"}
        """;

    static readonly IReadOnlyDictionary<string, string> Words =
        new Dictionary<string, string> { ["purpose"] = "bench", ["owner"] = "nobody in particular" };

    /// <summary>
    /// Copies a volume until there are <paramref name="count"/>: another id, name, time and type, each with metadata and attached to a
    /// server, every fourth with a snapshot. Room and quota are counted as if each had been made.
    /// </summary>
    public static async Task Fill(string path, string likeId, int count)
    {
        var ids = new Ids();
        await using var db = await SqliteDatabase.Open(path, TimeProvider.System);
        await db.Commit(async tx =>
        {
            var like = await tx.Volumes.Get(likeId);
            var first = like.CreatedAt.AddSeconds(-count);
            var types = new List<string>();
            for (var i = 0; i < Types; i++)
            {
                var type = new VolumeType { Id = ids.New(), Name = $"type-{i}", IsPublic = true, ExtraSpecs = Words, CreatedAt = first };
                await tx.Types.Insert(type);
                types.Add(type.Id);
            }
            for (var i = 1; i < count; i++)
            {
                var id = ids.New();
                await tx.Volumes.Insert(like with
                {
                    Id = id,
                    VolumeTypeId = types[i % Types],
                    Status = VolumeStatus.InUse,
                    AttachStatus = AttachStatus.Attached,
                    Name = "volume-of-bench-" + i.ToString(CultureInfo.InvariantCulture),
                    CreatedAt = first.AddSeconds(i),
                    UpdatedAt = first.AddSeconds(i + 0.01),
                    Metadata = Words,
                });
                await tx.Attachments.Insert(new()
                {
                    Id = ids.New(),
                    ProjectId = like.ProjectId,
                    VolumeId = id,
                    ServerId = ids.New(),
                    HostName = "compute-" + (i % 50).ToString(CultureInfo.InvariantCulture),
                    Device = "/dev/vdb",
                    Mode = AttachMode.ReadWrite,
                    Status = AttachStatus.Attached,
                    Connector = Connector,
                    ConnectionInfo = Connection,
                    AttachedAt = first.AddSeconds(i + 0.5),
                    CreatedAt = first.AddSeconds(i + 0.2),
                });
                if (i % 4 != 0) continue;
                await tx.Snapshots.Insert(new()
                {
                    Id = ids.New(),
                    ProjectId = like.ProjectId,
                    UserId = like.UserId,
                    VolumeId = id,
                    SizeGb = like.SizeGb,
                    Status = SnapshotStatus.Available,
                    CreatedAt = first.AddSeconds(i + 0.7),
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
