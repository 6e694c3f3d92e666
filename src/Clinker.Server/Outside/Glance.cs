using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Clinker.Operations;
using Clinker.Outside;

namespace Clinker.Server.Outside;

/// <summary>Where Glance is.</summary>
/// <param name="Servers">Each a Glance, without the version's path; at least one (glance_api_servers).</param>
/// <param name="Retries">How often a question that got no answer is asked again at once, of the next server (glance_num_retries).</param>
/// <param name="Timeout">How long an answer may take to begin (glance_request_timeout).</param>
sealed record GlanceSettings(IReadOnlyList<Uri> Servers, int Retries, TimeSpan Timeout);

/// <summary>The daemon's own token, or null where Glance wants none.</summary>
/// <param name="refused">One that Glance did not take: another is wanted.</param>
/// <exception cref="FaultException">Unavailable.</exception>
delegate ValueTask<string?> OwnToken(string? refused, CancellationToken stop);

/// <summary>Glance by its API v2 (https://docs.openstack.org/api-ref/image/v2/).</summary>
sealed class Glance : Images, IDisposable
{
    /// <summary>An upload of which nothing could be sent for so long is given up.</summary>
    static readonly TimeSpan Stalled = TimeSpan.FromSeconds(60);

    /// <summary>How long Glance may take to store what it has got in full.</summary>
    static readonly TimeSpan Storing = TimeSpan.FromMinutes(10);

    const int MaxConnections = 64;
    const string Patches = "application/openstack-images-v2.1-json-patch";

    readonly GlanceSettings settings;
    readonly OwnToken own;
    readonly HttpClient http;
    int next;

    public Glance(GlanceSettings settings, OwnToken own)
    {
        this.settings = settings;
        this.own = own;
        http = Connections.Client(MaxConnections);
    }

    public override async Task<Image> Get(string id, string? token, CancellationToken stop)
    {
        using var answer = await Ask(HttpMethod.Get, Path(id), id, token, stop);
        var image = GlanceJson.Image(await Body(answer, stop));
        return image.Id.Equals(id, StringComparison.OrdinalIgnoreCase) ? image : throw Strange("it answered with another image");
    }

    public override async Task<IReadOnlyList<Image>> Named(string name, string? token, CancellationToken stop)
    {
        using var answer = await Ask(HttpMethod.Get, $"v2/images?limit=2&name={Uri.EscapeDataString(name)}", name, token, stop);
        return [.. GlanceJson.Images(await Body(answer, stop)).Where(i => i.Name == name)]; // some names are operators of Glance's filter
    }

    public override async Task<Image> Create(NewImage image, string? token, CancellationToken stop)
    {
        using var answer = await Ask(HttpMethod.Post, "v2/images", image.Id, token, stop, GlanceJson.Create(image), "application/json");
        return GlanceJson.Image(await Body(answer, stop));
    }

    public override async Task<Stream> Open(string id, long offset, CancellationToken stop)
    {
        HttpResponseMessage answer;
        try { answer = await Ask(HttpMethod.Get, Path(id) + "/file", id, null, stop, from: offset); }
        // Not every store of Glance's can begin in the middle: it says 400 then (glance_store, READ_RANDOM: not RBD, S3, Swift, HTTP).
        catch (FaultException e) when (offset > 0 && e.Fault is Fault.Invalid) { answer = await Ask(HttpMethod.Get, Path(id) + "/file", id, null, stop, from: 0); }
        try
        {
            if (answer.StatusCode == HttpStatusCode.NoContent) throw Image.Unacceptable(id, "it has no data.");
            var stream = await answer.Content.ReadAsStreamAsync(stop);
            if (answer.StatusCode == HttpStatusCode.OK) await PassOver(stream, offset, stop);
            return stream;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    public override async Task Upload(string id, long length, Func<Stream, CancellationToken, Task> write, CancellationToken stop)
    {
        for (string? refused = null; ;)
        {
            var token = await own(refused, stop);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            using var content = new Pushed(length, write, limit, Stalled, Storing);
            using var request = Request(HttpMethod.Put, Path(id) + "/file", token);
            request.Content = content;
            HttpResponseMessage answer;
            try { answer = await http.SendAsync(request, limit.Token); }
            catch (Exception e) when (content.Failure is { } failure)
            {
                throw new FaultException(failure is FaultException { Fault: var fault } ? fault : Away(e.Message), failure);
            }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested) { throw Away("it takes no more data").Thrown(e); }
            catch (Exception e) when (e is HttpRequestException or IOException) { throw Away(e.Message).Thrown(e); }
            using (answer)
            {
                if (answer.IsSuccessStatusCode) return;
                if (answer.StatusCode == HttpStatusCode.Unauthorized && refused is null && token is not null) refused = token;
                else throw await Refused(answer, id, stop);
            }
        }
    }

    public override async Task Delete(string id, CancellationToken stop)
    {
        if (await TryDelete(id, stop)) return;
        try
        {
            using var answer = await Ask(HttpMethod.Patch, Path(id), id, null, stop,
                """[{"op": "replace", "path": "/protected", "value": false}]"""u8.ToArray(), Patches);
        }
        catch (FaultException e) when (!e.Fault.Transient) { return; } // it is its owner's, and Glance does not let us
        await TryDelete(id, stop);
    }

    /// <summary>False when Glance forbids it.</summary>
    async Task<bool> TryDelete(string id, CancellationToken stop)
    {
        using var answer = await Send(HttpMethod.Delete, Path(id), null, stop);
        if (answer.IsSuccessStatusCode || answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone) return true;
        return answer.StatusCode == HttpStatusCode.Forbidden ? false : throw await Refused(answer, id, stop);
    }

    /// <summary>Sends a request; its answer is one of success.</summary>
    async Task<HttpResponseMessage> Ask(HttpMethod method, string path, string id, string? token, CancellationToken stop,
        byte[]? body = null, string? type = null, long? from = null)
    {
        var answer = await Send(method, path, token, stop, body, type, from);
        if (answer.IsSuccessStatusCode) return answer;
        using (answer) throw await Refused(answer, id, stop);
    }

    /// <param name="from">The first byte that is wanted, of a body that is read as it comes.</param>
    async Task<HttpResponseMessage> Send(HttpMethod method, string path, string? token, CancellationToken stop,
        byte[]? body = null, string? type = null, long? from = null)
    {
        string? refused = null;
        for (var tries = 0; ; tries++)
        {
            var with = token ?? await own(refused, stop);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(settings.Timeout);
            using var request = Request(method, path, with);
            if (body is not null) request.Content = new ByteArrayContent(body) { Headers = { ContentType = new(type!) } };
            if (from > 0) request.Headers.Range = new(from, null);
            try
            {
                var answer = await http.SendAsync(
                    request, from is null ? HttpCompletionOption.ResponseContentRead : HttpCompletionOption.ResponseHeadersRead, limit.Token);
                var again = answer.StatusCode == HttpStatusCode.Unauthorized && token is null && with is not null && refused is null;
                if (!again) return answer;
                answer.Dispose();
                refused = with;
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                Interlocked.Increment(ref next);
                // A record may have been made although nobody said so: to make it twice is refused, so that is not tried.
                var unsent = e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError };
                if (tries < settings.Retries && (unsent || method != HttpMethod.Post)) continue;
                var why = e is OperationCanceledException ? $"it did not answer within {settings.Timeout.TotalSeconds:0.#} s" : e.Message;
                throw new FaultException(Away(why), e) { NothingDone = unsent && method == HttpMethod.Post };
            }
        }
    }

    HttpRequestMessage Request(HttpMethod method, string path, string? token)
    {
        var server = settings.Servers[(int)((uint)Volatile.Read(ref next) % (uint)settings.Servers.Count)];
        var request = new HttpRequestMessage(method, new Uri(server, path));
        if (token is not null) request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
        return request;
    }

    /// <summary>What an answer that is none of success means.</summary>
    static async Task<FaultException> Refused(HttpResponseMessage answer, string id, CancellationToken stop)
    {
        var status = (int)answer.StatusCode;
        Fault fault = status switch
        {
            404 or 410 => new Fault.NotFound("Image", id),
            401 or 403 => new Fault.Invalid($"Not authorized for image {id}: {await Reason(answer, stop)}"),
            409 or 423 or 429 or >= 500 => Away($"it answered {status}: {await Reason(answer, stop)}"),
            413 => new Fault.OverQuota($"Image quota exceeded: {await Reason(answer, stop)}"),
            >= 400 => new Fault.Invalid($"The image service refused: {await Reason(answer, stop)}"),
            _ => Away($"it answered {status}"),
        };
        return new(fault) { NothingDone = status is >= 400 and < 500 && answer.RequestMessage?.Method == HttpMethod.Post };
    }

    /// <summary>Glance explains itself in a page of HTML.</summary>
    static async Task<string> Reason(HttpResponseMessage answer, CancellationToken stop)
    {
        const int mostChars = 300;
        var page = Encoding.UTF8.GetString(await Body(answer, stop));
        var body = page.IndexOf("</h1>", StringComparison.Ordinal) is >= 0 and var at ? page[(at + 5)..] : page;
        var text = new StringBuilder();
        var within = false;
        foreach (var c in body)
        {
            if (c is '<' or '>') within = c == '<';
            else if (!within && text.Length < mostChars) text.Append(char.IsControl(c) ? ' ' : c);
        }
        return WebUtility.HtmlDecode(string.Join(' ', text.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries))) is { Length: > 0 } said
            ? said : answer.ReasonPhrase ?? "no reason is given";
    }

    static async Task<byte[]> Body(HttpResponseMessage answer, CancellationToken stop)
    {
        try
        {
            await answer.Content.LoadIntoBufferAsync(Connections.MaxAnswerBytes, stop);
            return await answer.Content.ReadAsByteArrayAsync(stop);
        }
        catch (Exception e) when (e is HttpRequestException or IOException) { throw Away(e.Message).Thrown(e); }
    }

    static async Task PassOver(Stream stream, long bytes, CancellationToken stop)
    {
        var buffer = new byte[81920];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        while (bytes > 0)
        {
            limit.CancelAfter(Stalled);
            int n;
            try { n = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)), limit.Token); }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested) { throw new TimeoutException($"nothing came for {Stalled.TotalSeconds} s"); }
            if (n == 0) throw new EndOfStreamException("it ended before where it was to be taken up");
            bytes -= n;
        }
    }

    static string Path(string id) => "v2/images/" + Uri.EscapeDataString(id);

    static Fault.Unavailable Away(string why) => new($"The image service does not answer: {why}");

    internal static FaultException Strange(string why) => Away(why).Thrown();

    public void Dispose() => http.Dispose();

    /// <summary>A body that is written while it is sent.</summary>
    sealed class Pushed : HttpContent
    {
        readonly long length;
        readonly Func<Stream, CancellationToken, Task> write;
        readonly CancellationTokenSource limit;
        readonly TimeSpan stalled, storing;

        public Pushed(long length, Func<Stream, CancellationToken, Task> write, CancellationTokenSource limit, TimeSpan stalled, TimeSpan storing)
        {
            (this.length, this.write, this.limit, this.stalled, this.storing) = (length, write, limit, stalled, storing);
            Headers.ContentType = new("application/octet-stream");
        }

        /// <summary>Why it could not be written.</summary>
        public Exception? Failure { get; private set; }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await using var watched = new Watched(stream, limit, stalled);
            try { await write(watched, limit.Token); }
            catch (Exception e) when (!watched.Broken)
            {
                Failure = e;
                throw;
            }
            limit.CancelAfter(storing);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = this.length;
            return true;
        }
    }

    /// <summary>Written to, it gives each piece its time; what breaks it is known from what broke its writer.</summary>
    sealed class Watched(Stream to, CancellationTokenSource limit, TimeSpan stalled) : Stream
    {
        public bool Broken { get; private set; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            limit.CancelAfter(stalled);
            try { await to.WriteAsync(buffer, cancellationToken); }
            catch
            {
                Broken = true;
                throw;
            }
            limit.CancelAfter(Timeout.InfiniteTimeSpan); // what comes next comes from a backend, which has its own deadlines
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => to.FlushAsync(cancellationToken);

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => throw new NotSupportedException();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
