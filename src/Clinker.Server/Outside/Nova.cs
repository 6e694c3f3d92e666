using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Configuration;

namespace Clinker.Server.Outside;

/// <summary>
/// Nova, found in Keystone's catalogue and asked as the user of [nova]: what it is asked for is an administrator's. That user's token is also the
/// one with which Nova says how it went (nova/compute/manager.py, volume_snapshot_create; nova/virt/libvirt/driver.py).
/// </summary>
sealed partial class Nova(KeystoneSettings settings, TimeProvider time, ILogger log) : Compute, IDisposable
{
    const int MaxConnections = 16, MostWords = 300;
    const string Path = "os-assisted-volume-snapshots", TakeVerb = "take snapshots of volumes in use", MergeVerb = "put files of volumes in use together",
        PullVerb = "flatten volumes in use",
        TellVerb = "tell servers what became of a volume";

    readonly Keystone keystone = new(settings, time, log);
    readonly HttpClient http = Connections.Client(MaxConnections, handler => Connections.Trust(handler, settings));

    public override Task TakeSnapshot(string volumeId, string snapshotId, string newFile, CancellationToken stop) =>
        Heard($"snapshot {snapshotId}", TakeVerb, () => new(HttpMethod.Post, Path)
        {
            Content = Json(new NovaJson.Create(new(volumeId, new(snapshotId, "qcow2", newFile))), NovaJsonContext.Default.Create),
        }, stop);

    public override async Task Merge(string volumeId, string snapshotId, Merge what, CancellationToken stop)
    {
        try { await Delete(snapshotId, new(volumeId, "qcow2", what.File, what.Into), $"the merge of {what.File}", MergeVerb, stop); }
        catch (FaultException e) when (e.NothingDone)
        {
            Log.NotMerged(log, what.File, what.Into, e.Message);
            throw;
        }
    }

    public override Task Pull(string volumeId, string id, CancellationToken stop) =>
        Delete(id, new(volumeId, "qcow2", null, null), $"the flatten of volume {volumeId}", PullVerb, stop);

    Task Delete(string id, NovaJson.DeleteInfo what, string words, string verb, CancellationToken stop)
    {
        var info = JsonSerializer.Serialize(what, NovaJsonContext.Default.DeleteInfo);
        return Heard(words, verb, () => new(HttpMethod.Delete, $"{Path}/{id}?delete_info={Uri.EscapeDataString(info)}"), stop);
    }

    public override async Task Tell(ServerEvent what, string volumeId, IReadOnlyList<string> servers, bool well, CancellationToken stop)
    {
        var (name, version) = what == ServerEvent.VolumeExtended ? ("volume-extended", "2.51") : ("volume-reimaged", "2.93");
        var events = servers.Select(s => new NovaJson.Event(name, s, volumeId, well ? "completed" : "failed")).ToList();
        try
        {
            var answer = await Heard($"the event {name} of volume {volumeId}", TellVerb, () => new(HttpMethod.Post, "os-server-external-events")
            {
                Headers = { { "OpenStack-API-Version", $"compute {version}" } },
                Content = Json(new NovaJson.Events(events), NovaJsonContext.Default.Events),
            }, stop);
            if (WhyNotTaken(answer) is { } why) throw new FaultException(new Fault.DriverFailed(TellVerb, $"the compute service does not take {name}: {why}.")) { NothingDone = true };
        }
        catch (FaultException e) when (e.NothingDone)
        {
            Log.NotTold(log, name, volumeId, e.Message);
            throw;
        }
    }

    /// <summary>What an answer says of the events if it took none (nova/api/openstack/compute/server_external_events.py): each has a code of its own.</summary>
    static string? WhyNotTaken(string answer)
    {
        try
        {
            var codes = JsonSerializer.Deserialize(answer, NovaJsonContext.Default.Taken)?.Events?.Select(e => e.Code).ToList() ?? [];
            return codes.Contains(200) ? null
                : codes.Contains(404) ? "it knows no such server"
                : codes.Contains(422) ? "the server is on no host now"
                : $"it answered {answer[..Math.Min(answer.Length, MostWords)]}";
        }
        catch (JsonException) { return "its answer can't be read"; }
    }

    static ByteArrayContent Json<T>(T body, JsonTypeInfo<T> form) =>
        new(JsonSerializer.SerializeToUtf8Bytes(body, form)) { Headers = { ContentType = new("application/json") } };

    /// <param name="what">For the log, where it is not certain.</param>
    /// <param name="verb">For the words of a fault.</param>
    /// <param name="ask">The request, with a path below the endpoint. Made anew where a token was not good any more.</param>
    /// <returns>What it answered.</returns>
    async Task<string> Heard(string what, string verb, Func<HttpRequestMessage> ask, CancellationToken stop)
    {
        try { return await Ask(verb, ask, stop); }
        catch (FaultException e) when (!e.NothingDone)
        {
            Log.MayHaveHeard(log, what, e.Message);
            throw;
        }
    }

    async Task<string> Ask(string verb, Func<HttpRequestMessage> ask, CancellationToken stop)
    {
        for (string? refused = null; ;)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(settings.Deadline);
            var (token, at) = await Signed(refused, limit.Token, stop);
            using var request = ask();
            request.RequestUri = new Uri(at, request.RequestUri!);
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
            HttpResponseMessage answer;
            try { answer = await http.SendAsync(request, limit.Token); }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
            {
                throw Away($"it did not answer within {settings.Deadline.TotalSeconds:0.#} s").Thrown(e);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                var unsent = e is HttpRequestException
                {
                    HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
                };
                throw new FaultException(Away(e.Message), e) { NothingDone = unsent };
            }
            using (answer)
            {
                if (answer.IsSuccessStatusCode) return await Text(answer, limit.Token);
                if (answer.StatusCode == HttpStatusCode.Unauthorized && refused is null) refused = token;
                else throw await Refused(verb, answer, at, stop);
            }
        }
    }

    async Task<(string Token, Uri At)> Signed(string? refused, CancellationToken limit, CancellationToken stop)
    {
        try
        {
            var (token, at) = await keystone.OwnAndEndpoint(refused, limit);
            return at is not null ? (token, at) : throw new FaultException(new Fault.Misconfigured(
                $"Keystone's catalogue has no {settings.Seeks!.Interface} endpoint of a service {settings.Seeks.Type}"
                + (settings.Seeks.Region is { } region ? $" in region {region}." : "."))) { NothingDone = true };
        }
        catch (KeystoneDown e)
        {
            stop.ThrowIfCancellationRequested();
            throw new FaultException(Away(e.Message), e) { NothingDone = true };
        }
    }

    /// <summary>
    /// Nova's API hands the work to a host and answers: with 4xx it has not, with 5xx it may have (a message bus that does not answer in time).
    /// </summary>
    static async Task<FaultException> Refused(string verb, HttpResponseMessage answer, Uri at, CancellationToken stop)
    {
        var status = (int)answer.StatusCode;
        if (status >= 500) return Away($"it answered {status}: {await Reason(answer, stop)}").Thrown();
        Fault fault = status switch
        {
            401 or 403 => new Fault.Misconfigured(
                $"Nova does not let the user of [nova] ask for {Path}: give it the role admin. It says: {await Reason(answer, stop)}"),
            404 when !answer.Content.Headers.ContentType?.MediaType?.Contains("json", StringComparison.Ordinal) ?? true =>
                new Fault.Misconfigured($"There is no {Path} at {at}: is that Nova?"),
            408 or 413 or 429 => Away($"it answered {status}: {await Reason(answer, stop)}"),
            _ => new Fault.DriverFailed(verb, $"the compute service answered {status}: {await Reason(answer, stop)}"),
        };
        return new(fault) { NothingDone = true };
    }

    static Fault.Unavailable Away(string why) => new($"The compute service can't be asked: {why}");

    /// <summary>What an answer says for itself (nova/api/openstack/wsgi.py, Fault): <c>{"badRequest": {"message": "…"}}</c>.</summary>
    static async Task<string> Reason(HttpResponseMessage answer, CancellationToken stop)
    {
        var text = await Text(answer, stop);
        if (text.Length == 0) return answer.ReasonPhrase ?? "";
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement is { ValueKind: JsonValueKind.Object } root)
                foreach (var member in root.EnumerateObject())
                    if (member.Value.ValueKind == JsonValueKind.Object && member.Value.TryGetProperty("message", out var said)
                        && said.ValueKind == JsonValueKind.String)
                        text = said.GetString()!;
        }
        catch (JsonException) { /* as it is, then */ }
        return text.Length > MostWords ? text[..MostWords] : text;
    }

    static async Task<string> Text(HttpResponseMessage answer, CancellationToken stop)
    {
        try { return await answer.Content.ReadAsStringAsync(stop); }
        catch (Exception e) when (e is HttpRequestException or IOException) { return ""; }
    }

    public void Dispose()
    {
        http.Dispose();
        keystone.Dispose();
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Nova may have been heard, and its word is waited for, of {What}: {Why}")]
        public static partial void MayHaveHeard(ILogger log, string what, string why);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Nova does not put {File} into {Into}, so both stay for now: {Why}")]
        public static partial void NotMerged(ILogger log, string file, string into, string why);

        [LoggerMessage(Level = LogLevel.Warning, Message = "Nova is not told {Event} of volume {Volume}: {Why}")]
        public static partial void NotTold(ILogger log, string @event, string volume, string why);
    }
}

/// <summary>What is said to Nova's API.</summary>
static class NovaJson
{
    public sealed record Create(Assisted Snapshot);

    public sealed record Assisted(string VolumeId, CreateInfo CreateInfo);

    public sealed record CreateInfo(string SnapshotId, string Type, string NewFile);

    public sealed record Events([property: JsonPropertyName("events")] IReadOnlyList<Event> All);

    public sealed record Event(string Name, string ServerUuid, string Tag, string Status);

    public sealed record Taken(IReadOnlyList<Taking>? Events);

    public sealed record Taking(int? Code);

    public sealed record DeleteInfo(string VolumeId, string Type, string? FileToMerge, string? MergeTargetFile);
}

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(NovaJson.Create))]
[JsonSerializable(typeof(NovaJson.DeleteInfo))]
[JsonSerializable(typeof(NovaJson.Events))]
[JsonSerializable(typeof(NovaJson.Taken))]
sealed partial class NovaJsonContext : JsonSerializerContext;
