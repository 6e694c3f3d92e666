using System.Buffers;
using System.Text.Json;
using Clinker.Server.Api;
using Clinker.Server.Routes;
using Clinker.Server.Shapes;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class WireTests
{
    static readonly Wire.Cache Wires = new(AllRoutes.Table().Shapes);

    static readonly Volume Row = new()
    {
        Id = "11111111-2222-4333-8444-555555555555",
        ProjectId = "p1",
        UserId = "u1",
        Name = "café <&> 'x'",
        SizeGb = 5,
        Status = "error_managing",
        VolumeTypeId = "t1",
        AvailabilityZone = "nova",
        CreatedAt = new DateTime(2018, 11, 29, 6, 50, 7, DateTimeKind.Utc).AddTicks(7707850),
        Metadata = new Dictionary<string, string> { ["Key One"] = "1" },
    };

    static readonly VolumeView View = new(
        new("http://h/v3/p1/volumes/", "http://h/p1/volumes/"), new() { ["t1"] = "gold" }, new() { ["h1@b1"] = "s1" });

    /// <summary>The members of a volume in full at 3.0, as the API reference lists them.</summary>
    static readonly string[] First =
    [
        "attachments", "availability_zone", "bootable", "consistencygroup_id", "created_at", "description", "encrypted", "id", "links",
        "metadata", "migration_status", "multiattach", "name", "os-vol-host-attr:host", "os-vol-mig-status-attr:migstat",
        "os-vol-mig-status-attr:name_id", "os-vol-tenant-attr:tenant_id", "replication_status", "size", "snapshot_id", "source_volid",
        "status", "updated_at", "user_id", "volume_type",
    ];

    static readonly (int Since, string Member, bool Admin)[] Later =
    [
        (13, "group_id", false), (21, "provider_id", true), (48, "shared_targets", false), (48, "service_uuid", false),
        (61, "cluster_name", true), (63, "volume_type_id", false), (65, "consumes_quota", false),
    ];

    static readonly string[] AdminsOnly =
    [
        "migration_status", "os-vol-host-attr:host", "os-vol-mig-status-attr:migstat", "os-vol-mig-status-attr:name_id",
    ];

    [Fact]
    public void Each_version_has_the_members_that_it_always_had()
    {
        for (var minor = 0; minor <= Microversion.Newest; minor++)
        {
            var expected = First.Concat(Later.Where(l => l.Since <= minor).Select(l => l.Member)).Order(StringComparer.Ordinal);
            Assert.Equal(expected, Members(Written(VolumeDetail.Of(Row, View), minor, admin: true)));
            var plain = expected.Except(AdminsOnly).Except(Later.Where(l => l.Admin).Select(l => l.Member));
            Assert.Equal(plain, Members(Written(VolumeDetail.Of(Row, View), minor, admin: false)));
        }
    }

    [Fact]
    public void Values_look_as_clients_know_them()
    {
        var volume = Written(VolumeDetail.Of(Row with { Host = "h1@b1#p1" }, View), 71).GetProperty("volume");
        Assert.Equal("2018-11-29T06:50:07.770785", volume.GetProperty("created_at").GetString());
        Assert.Equal(JsonValueKind.Null, volume.GetProperty("updated_at").ValueKind);
        Assert.Equal("false", volume.GetProperty("bootable").GetString());
        Assert.Equal("error", volume.GetProperty("status").GetString());
        Assert.Equal("gold", volume.GetProperty("volume_type").GetString());
        Assert.Equal("s1", volume.GetProperty("service_uuid").GetString());
        Assert.Equal("1", volume.GetProperty("metadata").GetProperty("Key One").GetString());
        Assert.Equal(Row.Name, volume.GetProperty("name").GetString());
        Assert.Equal(["http://h/v3/p1/volumes/" + Row.Id, "http://h/p1/volumes/" + Row.Id],
            volume.GetProperty("links").EnumerateArray().Select(l => l.GetProperty("href").GetString()!));
    }

    [Fact]
    public void Unknown_shared_targets_are_true_before_3_69()
    {
        var unplaced = VolumeDetail.Of(Row, View);
        Assert.Equal(JsonValueKind.True, Written(unplaced, 68).GetProperty("volume").GetProperty("shared_targets").ValueKind);
        Assert.Equal(JsonValueKind.Null, Written(unplaced, 69).GetProperty("volume").GetProperty("shared_targets").ValueKind);
    }

    [Fact]
    public void A_new_volume_is_answered_without_what_only_looking_shows() =>
        Assert.Equal(First.Where(m => !m.StartsWith("os-", StringComparison.Ordinal)),
            Members(Written(VolumeShape.Of(Row, View), 0)));

    [Fact]
    public void Versions_that_are_alike_share_a_wire()
    {
        Assert.Same(Wires.For(new(66), true), Wires.For(new(67), true));
        Assert.NotSame(Wires.For(new(60), true), Wires.For(new(61), true));
        Assert.NotSame(Wires.For(new(60), true), Wires.For(new(60), false));
    }

    [Fact]
    public void A_page_has_its_links_and_count()
    {
        var page = Written(new Page<VolumeBrief>([new("1", null, new(View.Links, "1"))], "http://next", 7), 71);
        Assert.Equal(7, page.GetProperty("count").GetInt32());
        Assert.Equal("http://next", page.GetProperty("volumes_links")[0].GetProperty("href").GetString());
        Assert.Equal("next", page.GetProperty("volumes_links")[0].GetProperty("rel").GetString());
    }

    static JsonElement Written(IAnswer answer, int minor, bool admin = true)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, AnswerWriter.Relaxed)) answer.Write(new(json, Wires.For(new(minor), admin)));
        return JsonDocument.Parse(buffer.WrittenMemory).RootElement;
    }

    static IEnumerable<string> Members(JsonElement answer) =>
        answer.GetProperty("volume").EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal);
}
