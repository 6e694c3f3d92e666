using Clinker.Messages;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Transfers;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Contracts.Store;

/// <summary>Pages of a table: each follows the row that the last one ended with, whatever the order and whatever is null.</summary>
public abstract partial class StoreContract
{
    const int RowsOfList = 12;

    static readonly string[] VolumeColumns =
    [
        "id", "project_id", "user_id", "name", "description", "size_gb", "status", "attach_status", "migration_status", "volume_type_id",
        "availability_zone", "host", "provider_location", "snapshot_id", "source_volume_id", "group_id", "replication_status", "encryption_key_id",
        "bootable", "multiattach", "consumes_quota", "created_at", "updated_at",
    ];

    static readonly string[] SnapshotColumns =
    [
        "id", "project_id", "user_id", "volume_id", "size_gb", "name", "description", "status", "progress", "volume_type_id", "group_snapshot_id",
        "encryption_key_id", "provider_location", "consumes_quota", "created_at", "updated_at",
    ];

    static readonly string[] OperationColumns =
        ["id", "kind", "status", "queue", "about_kind", "about_id", "request_id", "created_at", "updated_at"];

    static readonly string[] MessageColumns = ["id", "event_id", "resource_type", "resource_id", "request_id", "level", "created_at"];

    [Fact]
    public async Task Volumes_are_walked_by_every_column()
    {
        for (var i = 0; i < RowsOfList; i++)
        {
            var text = Perhaps(i);
            await Inserted(Some.Volume("p", 1 + (i % 2)) with
            {
                Name = text, Description = text, MigrationStatus = text, VolumeTypeId = text, Host = text, ProviderLocation = text,
                SnapshotId = text, SourceVolumeId = text, GroupId = text, ReplicationStatus = text, EncryptionKeyId = text,
                Bootable = i % 2 == 0, Multiattach = i % 4 == 0, ConsumesQuota = i % 3 == 0,
                CreatedAt = Some.Time.AddDays(i % 5), UpdatedAt = i % 2 == 0 ? null : Some.Time.AddDays(i % 3),
            });
        }
        await Walked(VolumeColumns, async query => [.. (await Db.Read(tx => tx.Volumes.List(query))).Items.Select(v => v.Id)]);
    }

    [Fact]
    public async Task No_page_begins_after_a_row_of_another_project()
    {
        var (own, other) = (await Inserted(Some.Volume("p")), await Inserted(Some.Volume("q")));
        Assert.Empty((await Page("p", own.Id)).Items);
        Assert.Equal(new Fault.NotFound("Volume", other.Id), await Refused(() => Page("p", other.Id)));
        Assert.Single((await Page(null, own.Id)).Items.Concat((await Page(null, other.Id)).Items));

        Task<Listed<Volume>> Page(string? project, string marker) => Db.Read(tx => tx.Volumes.List(new() { ProjectId = project, Marker = marker }));
    }

    [Fact]
    public async Task Snapshots_are_walked_by_every_column()
    {
        for (var i = 0; i < RowsOfList; i++)
        {
            var text = Perhaps(i);
            var snapshot = new Snapshot
            {
                Id = Some.Id(), ProjectId = "p", UserId = "u", VolumeId = $"v{i % 2}", SizeGb = 1 + (i % 2), Status = SnapshotStatus.Available,
                Name = text, Description = text, Progress = text, VolumeTypeId = text, GroupSnapshotId = text, EncryptionKeyId = text,
                ProviderLocation = text, CreatedAt = Some.Time.AddDays(i % 5), UpdatedAt = i % 2 == 0 ? null : Some.Time.AddDays(i % 3),
            };
            await Db.Commit(tx => tx.Snapshots.Insert(snapshot));
        }
        await Walked(SnapshotColumns, async query => [.. (await Db.Read(tx => tx.Snapshots.List(query))).Items.Select(s => s.Id)]);
    }

    [Fact]
    public async Task Messages_are_walked_by_every_column()
    {
        for (var i = 0; i < RowsOfList; i++)
        {
            var operation = Some.Id();
            await Db.Commit(async tx =>
            {
                await tx.Operations.Start(operation, new CreateVolume("v"), "q", "p", i % 2 == 0 ? null : $"req-{i % 3}");
                await tx.Messages.Add((await tx.Operations.Get(operation))!, "VOLUME", $"v{i % 2}", MessageAction.DeleteVolume, new Fault.Missing("m"));
            });
        }
        await Walked(MessageColumns, async query => [.. (await Db.Read(tx => tx.Messages.List(query))).Select(m => m.Id)]);
    }

    [Fact]
    public async Task Transfers_are_walked_by_every_column()
    {
        for (var i = 0; i < RowsOfList; i++)
        {
            var volume = Some.Volume("p");
            var transfer = new Transfer(Some.Id(), "p", volume.Id, Perhaps(i), "salt", "hash", i % 2 == 0, Some.Time.AddDays(i % 5));
            await Inserted(volume);
            await Db.Commit(tx => tx.Transfers.Offer(transfer, mayBeEncrypted: false));
        }
        await Walked(["id", "project_id", "volume_id", "name", "no_snapshots", "created_at"],
            async query => [.. (await Db.Read(tx => tx.Transfers.List(query))).Select(t => t.Id)]);
    }

    [Fact]
    public async Task Operations_are_walked_by_every_column()
    {
        for (var i = 0; i < RowsOfList; i++)
            await Db.Commit(tx => tx.Operations.Start(Some.Id(), new CreateVolume($"v{i % 3}"), $"q{i % 2}", "p", Perhaps(i)));
        await Walked(OperationColumns, async query => [.. (await Db.Read(tx => tx.Operations.List(query))).Select(o => o.Id)]);
    }

    /// <summary>Null, empty, or one of few words.</summary>
    static string? Perhaps(int i) => i % 3 == 0 ? null : i % 3 == 1 ? "" : $"text {i % 4}";

    /// <summary>By each column both ways, with the next one against it.</summary>
    static async Task Walked(string[] columns, Func<ListQuery, Task<IReadOnlyList<string>>> list)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            foreach (var descending in (bool[])[false, true])
            {
                SortKey[] sort = [new(columns[i], descending), new(columns[(i + 1) % columns.Length], !descending), new("id", descending)];
                var query = new ListQuery { ProjectId = "p", Sort = sort.DistinctBy(s => s.Column).ToList() };
                var whole = await list(query);
                Assert.Equal(RowsOfList, whole.Distinct().Count());
                var met = new List<string>();
                for (IReadOnlyList<string>? page = null; page is null || page.Count > 0; met.AddRange(page))
                {
                    page = await list(query with { Limit = 5, Marker = met.LastOrDefault() });
                    Assert.True(met.Count <= RowsOfList);
                }
                Assert.True(whole.SequenceEqual(met), $"by {columns[i]}: {met.Count} rows of {whole.Count}, or in another order");
            }
        }
    }
}
