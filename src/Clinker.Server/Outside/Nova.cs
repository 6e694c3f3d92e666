using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
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
    const string Path = "os-assisted-volume-snapshots", Verb = "take snapshots of volumes in use";

    readonly Keystone keystone = new(settings, time, log);
    readonly HttpClient http = Connections.Client(MaxConnections, handler => Connections.Trust(handler, settings));

    public override async Task TakeSnapshot(string volumeId, string snapshotId, string newFile, CancellationToken stop)
    {
        try { await Ask(volumeId, snapshotId, newFile, stop); }
        catch (FaultException e) when (!e.NothingDone)
        {
            Log.MayHaveHeard(log, snapshotId, e.Message);
            throw;
        }
    }

    async Task Ask(string volumeId, string snapshotId, string newFile, CancellationToken stop)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new NovaJson.Create(new(volumeId, new(snapshotId, "qcow2", newFile))), NovaJsonContext.Default.Create);
        for (string? refused = null; ;)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(settings.Deadline);
            var (token, at) = await Signed(refused, limit.Token, stop);
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(at, Path));
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
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
                if (answer.IsSuccessStatusCode) return;
                if (answer.StatusCode == HttpStatusCode.Unauthorized && refused is null) refused = token;
                else throw await Refused(answer, at, stop);
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
    static async Task<FaultException> Refused(HttpResponseMessage answer, Uri at, CancellationToken stop)
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
            _ => new Fault.DriverFailed(Verb, $"the compute service answered {status}: {await Reason(answer, stop)}"),
        };
        return new(fault) { NothingDone = true };
    }

    static Fault.Unavailable Away(string why) => new($"The compute service can't be asked: {why}");

    /// <summary>What an answer says for itself (nova/api/openstack/wsgi.py, Fault): <c>{"badRequest": {"message": "…"}}</c>.</summary>
    static async Task<string> Reason(HttpResponseMessage answer, CancellationToken stop)
    {
        string text;
        try { text = await answer.Content.ReadAsStringAsync(stop); }
        catch (Exception e) when (e is HttpRequestException or IOException) { return answer.ReasonPhrase ?? ""; }
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

    public void Dispose()
    {
        http.Dispose();
        keystone.Dispose();
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Nova may have been heard, and its word is waited for, of snapshot {Snapshot}: {Why}")]
        public static partial void MayHaveHeard(ILogger log, string snapshot, string why);
    }
}

/// <summary>What is said to Nova's API.</summary>
static class NovaJson
{
    public sealed record Create(Assisted Snapshot);

    public sealed record Assisted(string VolumeId, CreateInfo CreateInfo);

    public sealed record CreateInfo(string SnapshotId, string Type, string NewFile);
}

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(NovaJson.Create))]
sealed partial class NovaJsonContext : JsonSerializerContext;
