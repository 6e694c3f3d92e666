using System.Net;
using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Configuration;

namespace Clinker.Server.Outside;

/// <summary>Where the key manager is.</summary>
/// <param name="Endpoint">Null: Keystone's catalogue says it.</param>
/// <param name="Sought">As what it is found there.</param>
sealed record BarbicanSettings(Uri? Endpoint, Sought Sought);

/// <summary>
/// Barbican by its API v1 (https://docs.openstack.org/barbican/latest/api/reference/secrets.html), asked as the daemon's own user: who has to be
/// allowed to read the certificates, as theirs of the same project are, or by their ACL.
/// </summary>
sealed class Barbican : Certificates, IDisposable
{
    const int MaxConnections = 8;
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    readonly BarbicanSettings settings;
    readonly Keystone? keystone;
    readonly HttpClient http;

    /// <param name="identity">Null: it is asked without a token.</param>
    public Barbican(BarbicanSettings settings, KeystoneSettings? identity, TimeProvider time, ILogger log)
    {
        this.settings = settings;
        keystone = identity is null ? null : new(identity with { Seeks = settings.Sought }, time, log);
        http = Connections.Client(MaxConnections, handler =>
        {
            if (identity is not null) Connections.Trust(handler, identity);
        });
    }

    public override async Task<byte[]> Get(string id, CancellationToken stop)
    {
        string? refused = null;
        for (var type = "application/octet-stream"; ;)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(Timeout);
            var (token, at) = await Signed(refused, limit.Token, stop);
            var version = at.AbsolutePath.EndsWith("/v1/", StringComparison.Ordinal) ? "" : "v1/";
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(at, $"{version}secrets/{Uri.EscapeDataString(id)}/payload"));
            request.Headers.Accept.Add(new(type));
            if (token is not null) request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
            try
            {
                using var answer = await http.SendAsync(request, limit.Token);
                switch ((int)answer.StatusCode)
                {
                    case 200: return await answer.Content.ReadAsByteArrayAsync(limit.Token);
                    case 401 when refused is null && token is not null: refused = token; break;
                    case 406 when type != "text/plain": type = "text/plain"; break; // it is kept as that
                    case 404: throw new Fault.NotFound("Certificate", id).Thrown();
                    case 401 or 403: throw new Fault.Misconfigured($"The key manager does not let the daemon's user read {id}: give it the right to, by the secret's ACL.").Thrown();
                    case >= 400 and < 500 and not (408 or 429): throw new Fault.Invalid($"The key manager refused {id}: {(int)answer.StatusCode}.").Thrown();
                    case var other: throw Away($"it answered {other}").Thrown();
                }
            }
            catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
            {
                throw Away($"it did not answer within {Timeout.TotalSeconds:0.#} s").Thrown(e);
            }
            catch (Exception e) when (e is HttpRequestException or IOException) { throw Away(e.Message).Thrown(e); }
        }
    }

    async Task<(string? Token, Uri At)> Signed(string? refused, CancellationToken limit, CancellationToken stop)
    {
        if (keystone is null)
            return (null, settings.Endpoint ?? throw new Fault.Misconfigured("The configuration does not say where the key manager is (barbican_endpoint).").Thrown());
        try
        {
            var (token, at) = await keystone.OwnAndEndpoint(refused, limit);
            return (token, settings.Endpoint ?? at ?? throw new Fault.Misconfigured(
                $"Keystone's catalogue has no {settings.Sought.Interface} endpoint of a service {settings.Sought.Type}"
                + (settings.Sought.Region is { } region ? $" in region {region}." : ".")).Thrown());
        }
        catch (KeystoneDown e)
        {
            stop.ThrowIfCancellationRequested();
            throw Away(e.Message).Thrown(e);
        }
    }

    static Fault.Unavailable Away(string why) => new($"The key manager does not answer: {why}");

    public void Dispose()
    {
        http.Dispose();
        keystone?.Dispose();
    }
}
