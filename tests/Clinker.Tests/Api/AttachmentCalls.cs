using System.Text.Json;
using Clinker.Server.Api;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>What tests of attachments say to the API.</summary>
static class AttachmentCalls
{
    public const string Instance = "31c79baf-b59e-469c-979f-1df4ecb6eea7";
    public const string OtherInstance = "95d9ef50-507d-11e5-b970-0800200c9a66";
    public const string Newest = "3.71";

    public static readonly ApiSettings WithTokens = new() { Identity = RunningApi.ByToken };

    public static (int, string) Told(Answered refused) => (refused.Status, refused.Message);

    public static string Body(string volume, string? server, string more = "") =>
        $$"""{"attachment": {"volume_uuid": "{{volume}}"{{(server is null ? "" : $", \"instance_uuid\": \"{server}\"")}}{{more}} } }""";

    public static Task<Answered> Create(RunningApi api, string volume, string? server = Instance, string more = "", string? token = null) =>
        api.Post("attachments", Body(volume, server, more), Newest, token);

    /// <summary>The id of an attachment that went all its way.</summary>
    public static async Task<string> Attached(RunningApi api, string volume, string server, string host)
    {
        var id = Text(await Create(api, volume, server, $$""", "connector": {"host": "{{host}}"}"""), "id")!;
        Assert.Equal(204, (await api.Post($"attachments/{id}/action", """{"os-complete": {}}""", Newest)).Status);
        return id;
    }

    public static async Task MultiattachType(RunningApi api) => Assert.Equal(200,
        (await api.Post("types", """{"volume_type": {"name": "many", "extra_specs": {"multiattach": "<is> True"}}}""")).Status);

    public static async Task<string> InStatus(RunningApi api, string status, bool multiattach)
    {
        if (multiattach && (await api.Get("types?name=many")).Json.GetProperty("volume_types").EnumerateArray().All(t => Text(t, "name") != "many"))
            await MultiattachType(api);
        var volume = await api.Volume(more: multiattach ? """, "volume_type": "many" """ : "");
        await api.Available(volume, status);
        return volume;
    }

    public static string Connector(string host, string more = "") => $$"""{"attachment": {"connector": {"host": "{{host}}"{{more}} } } }""";

    public static async Task<string?> StatusOf(RunningApi api, string volume) =>
        (await api.Db.Read(tx => tx.Volumes.Find(volume)))?.Status;

    public static async Task<List<JsonElement>> AttachmentsOf(RunningApi api, string volume, string? token = null, string path = "volumes")
    {
        var listed = (await api.Get($"{path}/detail", Newest, token)).Json.GetProperty("volumes");
        return [.. listed.EnumerateArray().Single(v => Text(v, "id") == volume).GetProperty("attachments").EnumerateArray()];
    }

    public static List<JsonElement> Items(Answered answer) => [.. answer.Json.GetProperty("attachments").EnumerateArray()];

    public static string? Text(Answered answer, string member) => Text(answer.Json.GetProperty("attachment"), member);

    public static string? Text(JsonElement of, string member) => of.GetProperty(member).GetString();

    /// <summary>Time passes until something is done: whose turn has not come is tried again after a while.</summary>
    public static async Task Passing(RunningApi api, Task until)
    {
        while (!until.IsCompleted)
        {
            await Task.WhenAny(until, Task.Delay(5));
            api.Time.Advance(TimeSpan.FromMilliseconds(20)); // a slow machine must not use up the tries
        }
    }
}
