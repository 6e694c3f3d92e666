using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Outside;
using Clinker.Tests.Outside;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Volumes from images, images of volumes, and volumes anew from images, as far as the request goes.</summary>
public sealed class ImageRouteTests : IAsyncDisposable
{
    readonly FakeGlance fake = new();
    readonly Glance glance;

    public ImageRouteTests() => glance = new(new([fake.Url], Retries: 0, TimeSpan.FromSeconds(30)), (_, _) => new("own"));

    Task<RunningApi> Start() => RunningApi.Start(new() { Images = glance, Identity = ByToken });

    /// <summary>As in <see cref="RunningApi.ByToken"/>, with a token that is passed on.</summary>
    static async ValueTask<Caller?> ByToken(Microsoft.AspNetCore.Http.HttpContext http, string? project) =>
        await RunningApi.ByToken(http, project) is { } caller ? caller with { Token = http.Request.Headers["X-Auth-Token"].ToString() is { Length: > 0 } t ? t : null } : null;

    static async Task<(int, string)> Create(RunningApi api, string image, int size = 1) =>
        await api.Post("volumes", $$"""{"volume": {"size": {{size}}, "imageRef": "{{image}}"} }""", "3.70") is { Status: not 202 } refused
            ? (refused.Status, refused.Message)
            : (202, "");

    [Fact]
    public async Task A_volume_of_an_image_has_its_words_and_is_bootable()
    {
        await using var api = await Start();
        await api.Post("types", """{"volume_type": {"name": "gold"}}""");
        var id = fake.Give([1, 2, 3], with: i => (i["hw_disk_bus"], i["cinder_img_volume_type"]) = ("scsi", "gold"));
        var made = await api.Post("volumes", $$"""{"volume": {"size": 1, "image_id": "{{id}}"} }""", "3.70", $"u:{RunningApi.Project}:member");
        Assert.Equal(202, made.Status);
        var volume = made.Json.GetProperty("volume");
        Assert.Equal(("creating", "true", "gold"), (Text(volume, "status"), Text(volume, "bootable"), Text(volume, "volume_type")));
        Assert.False(volume.TryGetProperty("volume_image_metadata", out _)); // only who looks at the volume sees it
        var shown = await api.Get($"volumes/{Text(volume, "id")}", token: $"u:{RunningApi.Project}:member");
        var words = shown.Json.GetProperty("volume").GetProperty("volume_image_metadata");
        Assert.Equal((id, "image", "raw", "bare", "3", "scsi"), (Text(words, "image_id"), Text(words, "image_name"), Text(words, "disk_format"),
            Text(words, "container_format"), Text(words, "size"), Text(words, "hw_disk_bus")));
        Assert.All(fake.Asked, a => Assert.Equal($"u:{RunningApi.Project}:member", a.Token)); // as the caller, who may see it
    }

    static string? Text(JsonElement of, string name) => of.GetProperty(name).GetString();

    [Fact]
    public async Task An_image_is_named_by_id_by_a_url_or_by_its_only_name()
    {
        await using var api = await Start();
        var id = fake.Give([1], name: "one");
        fake.Give([1], name: "two");
        fake.Give([1], name: "two");
        foreach (var name in (string[])[id, $"http://nova/images/{id}", "one"]) Assert.Equal((202, ""), await Create(api, name));
        Assert.Equal((409, "Multiple matches found for 'two', use an ID to be more specific."), await Create(api, "two"));
        foreach (var name in (string[])["none", "", "44444444-4444-4444-8444-444444444444", "in:one,two"])
            Assert.Equal((400, "Invalid image identifier or unable to access requested image."), await Create(api, name));
    }

    [Fact]
    public async Task An_image_that_does_not_fit_is_refused_before_anything_is_made()
    {
        await using var api = await Start();
        async Task Refused(string why, string member, JsonNode? value)
        {
            var (status, text) = await Create(api, fake.Give([1], with: i => i[member] = value));
            Assert.Equal(400, status);
            Assert.Contains(why, text, StringComparison.Ordinal);
        }
        await Refused("is not active", "status", "queued");
        await Refused("Invalid input received: Size of specified image 2GB is larger than volume size 1GB.", "size", (1L << 30) + 1);
        await Refused("Invalid input received: Volume size 1GB cannot be smaller than the image minDisk size 5GB.", "min_disk", 5);
        await Refused("container", "container_format", "ova");
        await Refused("disk format ploop", "disk_format", "ploop");
        await Refused("has no data", "size", null);
        Assert.Equal(400, (await api.Post("volumes", $$"""{"volume": {"imageRef": "{{fake.Give([1])}}"} }""")).Status); // no size
        Assert.Empty((await api.Get("volumes")).Json.GetProperty("volumes").EnumerateArray());
        var volume = await api.Volume();
        await api.Available(volume);
        var both = await api.Post("volumes", $$"""{"volume": {"size": 1, "source_volid": "{{volume}}", "imageRef": "{{fake.Give([1])}}"} }""");
        Assert.Equal("Invalid input received: May specify only one of backup, imageRef, snapshot, source volume", both.Message);
        fake.Fails = (_, _) => 503;
        Assert.Equal(503, (await Create(api, "one")).Item1);
    }

    static async Task<Answered> Upload(RunningApi api, string volume, string more = "", string version = "3.70", string? token = null) =>
        await api.Post($"volumes/{volume}/action", $$"""{"os-volume_upload_image": {"image_name": "made"{{more}}} }""", version, token);

    [Fact]
    public async Task An_upload_answers_with_the_image_that_is_the_callers_and_waits_for_nothing()
    {
        await using var api = await Start();
        var volume = await api.Volume();
        await api.Available(volume);
        await api.Post($"volumes/{volume}/action", """{"os-set_image_metadata": {"metadata": {"hw_disk_bus": "scsi", "checksum": "x", "img_signature": "s", "os_glance_failed_import": ""}}}""");
        var answer = await Upload(api, volume, """, "disk_format": "qcow2", "visibility": "community", "protected": true""", token: $"u:{RunningApi.Project}:member");
        Assert.Equal(202, answer.Status);
        var upload = answer.Json.GetProperty("os-volume_upload_image");
        Assert.Equal((volume, "uploading", "made", "qcow2", "bare", "community", true, 1), (Text(upload, "id"), Text(upload, "status"), Text(upload, "image_name"),
            Text(upload, "disk_format"), Text(upload, "container_format"), Text(upload, "visibility"), upload.GetProperty("protected").GetBoolean(),
            upload.GetProperty("size").GetInt32()));
        Assert.Equal(Types.VolumeType.DefaultName, Text(upload.GetProperty("volume_type"), "name"));
        var image = fake.Images[Text(upload, "image_id")!];
        Assert.Equal(("queued", "scsi", "x"), ((string?)image["status"], (string?)image["hw_disk_bus"], (string?)image["checksum"] ?? "x"));
        Assert.False(image.ContainsKey("img_signature"));
        Assert.False(image.ContainsKey("os_glance_failed_import")); // who gives such words is refused
        Assert.Equal($"u:{RunningApi.Project}:member", fake.Asked.Last().Token);
        Assert.Equal("uploading", await Status(api, volume));
        // The work is due: the record is there.
        var operation = Assert.Single(await api.Db.Read(tx => tx.Operations.List(new())), o => o.Kind == nameof(UploadVolume));
        Assert.True(operation.RunAfter <= api.Time.GetUtcNow().UtcDateTime);
        Assert.DoesNotContain("member", operation.Arguments, StringComparison.Ordinal); // nor is anybody's token kept
    }

    [Fact]
    public async Task Before_3_1_an_upload_knows_no_visibility()
    {
        await using var api = await Start();
        var volume = await api.Volume();
        await api.Available(volume);
        Assert.Equal(400, (await Upload(api, volume, """, "visibility": "private" """, "3.0")).Status);
        var upload = (await Upload(api, volume, version: "3.0")).Json.GetProperty("os-volume_upload_image");
        Assert.False(upload.GetProperty("is_public").GetBoolean());
        Assert.False(upload.TryGetProperty("visibility", out _) || upload.TryGetProperty("protected", out _));
    }

    [Fact]
    public async Task An_upload_that_glance_refuses_leaves_the_volume_as_it_was()
    {
        await using var api = await Start();
        var volume = await api.Volume();
        await api.Available(volume);
        foreach (var (says, answers) in ((int, int)[])[(400, 400), (403, 400), (413, 413)])
        {
            fake.Fails = (verb, _) => verb == "POST" ? says : null;
            Assert.Equal(answers, (await Upload(api, volume)).Status);
            Assert.Equal("available", await Status(api, volume));
        }
        Assert.Equal(403, (await Upload(api, volume, """, "visibility": "public" """, token: $"u:{RunningApi.Project}:member")).Status);
        Assert.Equal(400, (await Upload(api, volume, """, "container_format": "ova" """)).Status);
        Assert.Empty(fake.Images);
        // Nobody can say whether there is a record: the work will find out.
        fake.Fails = (verb, _) => verb == "POST" ? 500 : null;
        Assert.Equal(503, (await Upload(api, volume)).Status);
        Assert.Equal("uploading", await Status(api, volume));
        fake.Fails = (_, _) => null;
        Assert.Equal(400, (await Upload(api, volume)).Status);
    }

    [Fact]
    public async Task Without_an_image_service_nothing_becomes_an_image()
    {
        await using var api = await RunningApi.Start();
        var volume = await api.Volume();
        await api.Available(volume);
        Assert.Equal((400, "No image service is configured."), await Upload(api, volume) is var a ? (a.Status, a.Message) : default);
        Assert.Equal("available", await Status(api, volume));
    }

    [Fact]
    public async Task A_volume_in_use_becomes_an_image_where_that_is_configured_and_forced()
    {
        await using var api = await RunningApi.Start(new() { Images = glance, ForceUpload = true });
        var volume = await api.Volume();
        await api.Available(volume, "in-use");
        Assert.Equal("Invalid volume: Volume " + volume + " status must be available", (await Upload(api, volume)).Message);
        Assert.Equal(202, (await Upload(api, volume, """, "force": true """)).Status);
    }

    static async Task<Answered> Reimage(RunningApi api, string volume, string image, string more = "", string? token = null) =>
        await api.Post($"volumes/{volume}/action", $$"""{"os-reimage": {"image_id": "{{image}}"{{more}}} }""", "3.70", token);

    [Fact]
    public async Task Re_imaging_asks_first_whether_the_image_fits()
    {
        await using var api = await Start();
        var volume = await api.Volume();
        await api.Available(volume);
        Assert.Equal(404, (await Reimage(api, volume, "44444444-4444-4444-8444-444444444444")).Status);
        Assert.Equal(400, (await Reimage(api, volume, fake.Give([1], with: i => i["min_disk"] = 2))).Status);
        var another = await api.Send("POST", $"/v3/stranger/volumes/{volume}/action", $$"""{"os-reimage": {"image_id": "{{fake.Give([1])}}"} }""", "3.70", "u:stranger:member");
        Assert.Equal(404, another.Status);
        Assert.Equal("available", await Status(api, volume));
        Assert.Equal(202, (await Reimage(api, volume, fake.Give([1]))).Status);
        Assert.Equal("downloading", await Status(api, volume));
    }

    [Fact]
    public async Task What_two_servers_have_is_not_re_imaged()
    {
        await using var api = await Start();
        await api.Post("types", """{"volume_type": {"name": "shared", "extra_specs": {"multiattach": "<is> True"}}}""");
        var volume = await api.Volume(more: ", \"volume_type\": \"shared\"");
        await api.Available(volume);
        for (var i = 0; i < 2; i++)
        {
            await api.Available(volume);
            Assert.Equal(200, (await api.Post("attachments", $$"""{"attachment": {"volume_uuid": "{{volume}}"} }""", "3.70")).Status);
        }
        await api.Available(volume);
        Assert.Equal((409, "Cannot re-image a volume which is attached to more than one server."),
            await Reimage(api, volume, fake.Give([1])) is var a ? (a.Status, a.Message) : default);
    }

    static async Task<string?> Status(RunningApi api, string volume) => Text((await api.Get($"volumes/{volume}")).Json.GetProperty("volume"), "status");

    public async ValueTask DisposeAsync()
    {
        glance.Dispose();
        await fake.DisposeAsync();
    }
}
