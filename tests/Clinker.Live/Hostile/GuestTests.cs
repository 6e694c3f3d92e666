using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using Xunit;
using static Clinker.Live.Hostile.HostileSite;

namespace Clinker.Live.Hostile;

/// <summary>
/// What was an advisory elsewhere is tried here: by guests, images and records of users (this class), and by what somebody wrote to a share
/// (<see cref="ShareTests"/>). What of it is tried elsewhere already is named in brackets.
/// <code>
/// CVE-2014-3641   a guest's header in a clone, a snapshot …    A_guest_that_writes_the_header_of_an_image…, A_chain_that_names…
/// CVE-2015-1851   … in an upload                               What_a_guest_wrote_becomes_an_image…
/// CVE-2015-5162   an image that exhausts qemu-img              An_image_that_is_a_bomb…
/// CVE-2022-47951  a VMDK that names a file of the host         An_image_that_names_another_file…
/// CVE-2024-32498  qcow2 with a data file, unknown features     An_image_that_names_another_file…, A_disk_larger_than_its_volume…
/// bug 2073275     names as json:{…}                            the kind "json" of all these, A_file_of_such_a_name…
/// CVE-2026-24708  growing asks the bytes for the format        A_guest_that_writes_the_header_of_an_image…
/// CVE-2023-2088   a user detaches what a server uses           [Clinker.Tests: What_a_server_uses_goes_by_way_of_the_compute_service]
/// CVE-2014-7230   secrets in logs                              [WithKeystone.Secrets]
/// CVE-2013-4183   XML entities                                 No_entity_of_XML_is_followed
/// hardening       rights of files                              Nobody_else_may_read_a_file_of_a_volume
/// hardening       places and records of backups                A_backup_goes_nowhere_else, A_record_of_a_backup_leads_nowhere_else
/// hardening       lines of the shares file                     ShareTests.A_line_of_the_shares_file_is_no_command
/// hardening       ids and names with / and ..                  A_name_is_only_a_name [Clinker.Conformance: Paths_that_lead_nowhere, Paths_around_it]
/// </code>
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class GuestTests(HostileSite site) : IClassFixture<HostileSite>
{
    /// <summary>A volume to which a guest has written a header and data; and what is in it.</summary>
    static async Task<(string Id, byte[] Content)> Guest(HostileSite site, string kind)
    {
        var header = await site.Header(kind);
        var content = new byte[3 << 20];
        new Random(kind.Length).NextBytes(content.AsSpan(1 << 20));
        header.AsSpan(0, Math.Min(header.Length, 1 << 20)).CopyTo(content);
        var id = await site.Volume();
        await site.Write(id, content);
        return (id, content);
    }

    /// <summary>CVE-2014-3641, CVE-2024-32498, CVE-2026-24708.</summary>
    [Theory, InlineData("backing"), InlineData("json"), InlineData("data-file"), InlineData("vmdk")]
    public async Task A_guest_that_writes_the_header_of_an_image_into_its_volume_reads_nothing_with_it(string kind)
    {
        var (id, content) = await Guest(site, kind);
        var model = (SumOfDisk(content), 1L << 30);
        Assert.Equal("raw", (await site.Attached(id)).Format);
        Assert.Equal(model, await site.Seen(id));
        var clone = await site.Volume($"\"source_volid\": \"{id}\"");
        Assert.Equal(model, await site.Seen(clone));
        var snapshot = await site.Make("snapshot", $"\"volume_id\": \"{id}\"");
        var copy = await site.Volume($"\"snapshot_id\": \"{snapshot}\"");
        Assert.Equal(model, await site.Seen(copy));
        await site.Write(id, new byte[1 << 20]);
        Assert.NotEqual(model, await site.Seen(id));
        await site.Act(id, $$"""{"revert": {"snapshot_id": "{{snapshot}}"} }""");
        Assert.Equal("available", await site.Settled($"volumes/{id}"));
        Assert.Equal(model, await site.Seen(id));

        var backup = await site.Make("backup", $"\"volume_id\": \"{id}\"");
        var restored = (string)(await site.Do("POST", $"backups/{backup}/restore", """{"restore": {}}"""))!["restore"]!["volume_id"]!;
        Assert.Equal("available", await site.Settled($"volumes/{restored}"));
        Assert.Equal(model, await site.Seen(restored));

        // What was written since is put into the file that begins with the header.
        await site.Delete($"volumes/{clone}", $"volumes/{copy}");
        await site.Write(id, content[..(1 << 20)], 3 << 20);
        var more = new byte[4 << 20];
        content.CopyTo(more, 0);
        content.AsSpan(0, 1 << 20).CopyTo(more.AsSpan(3 << 20));
        await site.Delete($"snapshots/{snapshot}");
        Assert.Equal((SumOfDisk(more), 1L << 30), await site.Seen(id));
        await site.Act(id, """{"os-extend": {"new_size": 2}}""");
        Assert.Equal("available", await site.Settled($"volumes/{id}"));
        Assert.Equal((SumOfDisk(more), 2L << 30), await site.Seen(id));
        await site.Delete($"volumes/{id}", $"volumes/{restored}", $"backups/{backup}");
    }

    /// <summary>CVE-2014-3641, on the way to another share.</summary>
    public sealed class Moved(HostileSite site) : IClassFixture<HostileSite>
    {
        [Fact]
        public async Task What_a_guest_wrote_moves_as_it_is()
        {
            var guests = new Dictionary<string, string>();
            foreach (var kind in (string[])["backing", "json", "data-file", "vmdk"])
            {
                var (id, content) = await Guest(site, kind);
                guests[id] = SumOfDisk(content);
            }
            await site.Grow();
            var to = (await site.Pools()).Single(p => p.EndsWith(site.Share2, StringComparison.Ordinal));
            foreach (var (id, sum) in guests)
            {
                await site.Act(id, $$"""{"os-migrate_volume": {"host": "{{to}}"} }""");
                Assert.Equal("available", await site.Settled($"volumes/{id}"));
                Assert.Equal(to, (string?)(await site.Do("GET", $"volumes/{id}"))!["volume"]!["os-vol-host-attr:host"]);
                Assert.Equal((sum, 1L << 30), await site.Seen(id));
            }
        }
    }

    /// <summary>CVE-2015-1851; the image that comes of it is none that a volume is made of.</summary>
    [Theory, InlineData("backing"), InlineData("json"), InlineData("data-file"), InlineData("vmdk")]
    public async Task What_a_guest_wrote_becomes_an_image_of_that_and_no_more(string kind)
    {
        var (id, content) = await Guest(site, kind);
        foreach (var format in (string[])["raw", "qcow2"])
        {
            var upload = await site.Do("POST", $"volumes/{id}/action", $$"""{"os-volume_upload_image": {"image_name": "mine", "disk_format": "{{format}}"} }""");
            var image = (string)upload!["os-volume_upload_image"]!["image_id"]!;
            Assert.Equal("available", await site.Settled($"volumes/{id}"));
            Assert.Equal("active", (string?)site.Glance.Images[image]["status"]);
            var file = Path.Combine(site.Folder, "uploaded");
            await File.WriteAllBytesAsync(file, site.Glance.Data[image]);
            Assert.Equal(SumOfDisk(content), (await site.Seen(file, format)).Head);
            var made = await site.Volume($"\"imageRef\": \"{image}\"", status: format == "raw" ? "error" : "available");
            if (format == "raw") Assert.Contains("it is declared to be raw", await site.Told(made), StringComparison.Ordinal);
            else Assert.Equal(SumOfDisk(content), (await site.Seen(made)).Head);
            await site.Delete($"volumes/{made}");
        }
        await site.Delete($"volumes/{id}");
    }

    /// <summary>CVE-2022-47951, CVE-2024-32498: by what it is, and by what it is said to be.</summary>
    [Theory]
    [InlineData("backing", "qcow2", "backing file"), InlineData("json", "qcow2", "backing file"), InlineData("data-file", "qcow2", "external data file")]
    [InlineData("vmdk", "vmdk", "VMDK")]
    [InlineData("backing", "raw", "declared to be raw"), InlineData("vmdk", "raw", "declared to be raw"), InlineData("vmdk", "iso", "declared to be iso")]
    [InlineData("backing", "vmdk", "declared to be vmdk"), InlineData("data-file", "vhd", "declared to be vhd")]
    public async Task An_image_that_names_another_file_makes_no_volume(string kind, string declared, string told) =>
        await Refused(await site.Header(kind), declared, told);

    async Task Refused(byte[] image, string declared, string told)
    {
        var id = await site.Volume($"\"imageRef\": \"{site.Glance.Give(image, declared)}\"", status: "error");
        Assert.Contains(told, await site.Told(id), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(site.Mount, $"volume-{id}")));
        Assert.True(!Directory.Exists(Path.Combine(site.Folder, "conversion")) || !Directory.EnumerateFileSystemEntries(Path.Combine(site.Folder, "conversion")).Any());
        await site.Delete($"volumes/{id}");
    }

    /// <summary>CVE-2024-32498: what a later QEMU may know is not let through; nor is the name of a data file without its feature.</summary>
    [Fact]
    public async Task An_image_with_features_that_nobody_knows_makes_no_volume()
    {
        var image = await site.Image("-f", "qcow2", "1G");
        image[75] = 1;
        await Refused(image, "qcow2", "features");
        var hidden = await site.Header("data-file");
        hidden[79] &= 0xfb;
        await Refused(hidden, "qcow2", "external data file");
        var both = await site.Image("-f", "qcow2", "1G");
        "EFI PART"u8.CopyTo(both.AsSpan(512));
        await Refused(both, "qcow2", "several formats");
    }

    /// <summary>CVE-2015-5162: a few bytes that are to become exabytes, or tables that fill the memory.</summary>
    [Theory, InlineData("size"), InlineData("table"), InlineData("references"), InlineData("snapshots"), InlineData("vmdk")]
    public async Task An_image_that_is_a_bomb_makes_no_volume(string kind)
    {
        var image = kind == "vmdk" ? await site.Image("-f", "vmdk", "1G") : await site.Image("-f", "qcow2", kind == "size" ? "1P" : "1G");
        byte[] most = [0xff, 0xff, 0xff, 0xff];
        if (kind == "table") most.CopyTo(image, 36);
        if (kind == "references") most.CopyTo(image, 56);
        if (kind == "snapshots") most.CopyTo(image, 60);
        if (kind == "vmdk") most.CopyTo(image, 16);
        await Refused(image, kind == "vmdk" ? "vmdk" : "qcow2", "is unacceptable");
    }

    /// <summary>CVE-2013-4183 and its kin.</summary>
    [Theory, InlineData("application/xml"), InlineData("application/json"), InlineData("text/xml")]
    public async Task No_entity_of_XML_is_followed(string type)
    {
        var body = $"""<?xml version="1.0"?><!DOCTYPE v [<!ENTITY s SYSTEM "file://{site.SecretFile}">]><volume size="1" display_name="&s;"/>""";
        Assert.InRange((await site.Ask("POST", "volumes", body, type)).Status, 400, 415);
    }

    [Fact]
    public async Task Nobody_else_may_read_a_file_of_a_volume()
    {
        var id = await site.Volume();
        var snapshot = await site.Make("snapshot", $"\"volume_id\": \"{id}\"");
        var clone = await site.Volume($"\"source_volid\": \"{id}\"");
        var files = Directory.GetFiles(site.Mount, $"*{id}*").Append(Path.Combine(site.Mount, $"volume-{clone}")).ToList();
        Assert.Equal(5, files.Count); // its own, the snapshot's, the note, the clone's and that one's name for what it stands on
        Assert.All(files, f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(f)));
        await site.Delete($"volumes/{clone}", $"snapshots/{snapshot}", $"volumes/{id}");
    }

    /// <summary>The posix driver of Cinder joins what a user calls a container to its path.</summary>
    [Theory, InlineData("../outside"), InlineData("/tmp/outside"), InlineData("a/../../outside"), InlineData(".."), InlineData("a\\u0000b"), InlineData("-rf"), InlineData(".hidden")]
    public async Task A_backup_goes_nowhere_else(string container)
    {
        var id = await site.Volume();
        await site.Write(id, [1, 2, 3, 4, .. new byte[508]]);
        var before = Around();
        var (status, text) = await site.Ask("POST", "backups", $$"""{"backup": {"volume_id": "{{id}}", "container": "{{container}}"} }""");
        if (status == 202) // then it is a name in there, or it ends in an error
        {
            var backup = (string)JsonNode.Parse(text)!["backup"]!["id"]!;
            Assert.Contains(await site.Settled($"backups/{backup}"), (string[])["available", "error"]);
            await site.Delete($"backups/{backup}");
        }
        else Assert.Equal(400, status);
        Assert.Equal(before, Around());
        await site.Delete($"volumes/{id}");
    }

    /// <summary>What lies beside the backups, where a name that leads out of them would lead.</summary>
    List<string> Around() => [.. Directory.GetFileSystemEntries(site.Folder).Concat(Directory.GetFileSystemEntries("/tmp", "outside*"))
        .Where(f => Path.GetFileName(f) is not ("seen" or "guest" or "image" or "backups" or "conversion")
            && Path.GetExtension(f) != ".log") // a client writes its own when it comes
        .Order(StringComparer.Ordinal)];

    [Theory]
    [InlineData("container", "../volumes"), InlineData("container", "/etc"), InlineData("service_metadata", "../secret"), InlineData("service_metadata", "/etc/passwd")]
    [InlineData("id", "../../x"), InlineData("parent_id", "../x"), InlineData("volume_id", "../x"), InlineData("service", "posix; touch /tmp/outside")]
    public async Task A_record_of_a_backup_leads_nowhere_else(string member, string value)
    {
        var writer = new Tests.Api.CinderWriter(site.Backups, "22222222-2222-4222-8222-222222222222", "zlib");
        var backup = writer.Write(new byte[1 << 20]);
        var (status, text) = await site.Ask("POST", "backups/import_record",
            $$"""{"backup-record": {"backup_service": "{{writer.Service}}", "backup_url": "{{backup.Changed(r => r[member] = value)}}"} }""");
        Assert.True(status == 400, text);
        Assert.Equal(HostileSite.Secret, await File.ReadAllBytesAsync(site.SecretFile));
    }

    /// <summary>The records are the caller's, and what is beside the backups is not: a link in there leads to no byte of it.</summary>
    [Fact]
    public async Task A_link_among_the_backups_is_not_followed()
    {
        var writer = new Tests.Api.CinderWriter(site.Backups, "33333333-3333-4333-8333-333333333333", "none");
        var backup = writer.Write(HostileSite.Secret, container: "linked"); // also its sums are right
        foreach (var data in backup.Data)
        {
            File.Delete(data);
            File.CreateSymbolicLink(data, site.SecretFile);
        }
        var (status, text) = await site.Ask("POST", "backups/import_record",
            $$"""{"backup-record": {"backup_service": "{{writer.Service}}", "backup_url": "{{backup.Record}}"} }""");
        Assert.True(status == 201, text);
        Assert.Equal("available", await site.Settled($"backups/{backup.Id}")); // its data is not looked at until it is needed
        var made = (string)(await site.Do("POST", $"backups/{backup.Id}/restore", """{"restore": {}}"""))!["restore"]!["volume_id"]!;
        Assert.Equal("error", await site.Settled($"volumes/{made}"));
        Assert.False(File.Exists(Path.Combine(site.Mount, $"volume-{made}")));
    }

    [Theory, InlineData("../../../../etc/x"), InlineData("/etc/passwd"), InlineData("-f"), InlineData("$(touch /tmp/outside)"), InlineData("a'; drop table volume; --")]
    public async Task A_name_is_only_a_name(string name)
    {
        var before = Around();
        var said = System.Text.Json.JsonSerializer.Serialize(name);
        var id = await site.Volume($"\"name\": {said}, \"description\": {said}, \"metadata\": {"{"}\"k\": {said} {"}"}");
        var snapshot = await site.Make("snapshot", $"\"volume_id\": \"{id}\", \"name\": {said}");
        var clone = await site.Volume($"\"source_volid\": \"{id}\", \"name\": {said}");
        var backup = await site.Make("backup", $"\"volume_id\": \"{id}\", \"name\": {said}");
        Assert.Equal(name, (string?)(await site.Do("GET", $"snapshots/{snapshot}"))!["snapshot"]!["name"]);
        foreach (var path in (string[])["volumes", "snapshots", "backups", "attachments", "groups", "group_snapshots", "types", "os-volume-transfer"])
            foreach (var wrong in (string[])[Uri.EscapeDataString(name), $"..%2f{id}", $"{id}%2f..%2f{id}", $"{id}%00"])
                Assert.Contains((await site.Ask("GET", $"{path}/{wrong}")).Status, (int[])[400, 404]);
        foreach (var (kind, of) in new[] { ("volume", $"\"size\": 1, \"snapshot_id\": {said}"), ("volume", $"\"size\": 1, \"source_volid\": {said}"),
            ("volume", $"\"size\": 1, \"imageRef\": {said}"), ("volume", $"\"size\": 1, \"backup_id\": {said}"), ("snapshot", $"\"volume_id\": {said}"), ("backup", $"\"volume_id\": {said}") })
            Assert.Contains((await site.Ask("POST", $"{kind}s", $$"""{"{{kind}}": { {{of}} } }""")).Status, (int[])[400, 404]);
        await site.Delete($"volumes/{clone}", $"snapshots/{snapshot}", $"backups/{backup}", $"volumes/{id}");
        Assert.Equal(before, Around());
    }
}
