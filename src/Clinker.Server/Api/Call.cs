using System.Net;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Server.Api.Network;
using Clinker.Store;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>One request with its identity, its version and its means.</summary>
sealed class Call(HttpContext http, string requestId, ApiMeans means)
{
    public HttpContext Http => http;

    /// <summary><c>req-</c> and a UUID: ours, in every answer, log line and operation.</summary>
    public string RequestId => requestId;

    /// <summary>The id that the client sent along, if it is one.</summary>
    public string? GlobalId { get; init; }

    public ApiSettings Settings => means.Settings;
    public Database Db => means.Db;
    public TimeProvider Time => means.Time;
    public Ids Ids => means.Ids;

    /// <summary>The limit of requests that each project has; null for none.</summary>
    public RateLimit<string>? ProjectRate => means.ProjectRate;

    /// <summary>How the request was sent, as far as the connection and trusted proxies tell.</summary>
    public Sent Sent => field ??= Sent.Of(http, means.Settings.TrustedProxies);

    /// <summary>Who sent it: null where the connection has no address.</summary>
    public IPAddress? ClientAddress => Sent.Client;

    /// <summary>Null until it is negotiated.</summary>
    public Microversion? Negotiated { get; set; }
    public Microversion Version => Negotiated ?? Microversion.First;

    public Caller Caller { get; set; } = null!;
    /// <summary>The caller's own project: what he makes is its.</summary>
    /// <exception cref="Refusal">403: he has none.</exception>
    public string ProjectId => Caller.HasProject ? Caller.ProjectId : throw Refusal.NoProject();
    public bool IsAdmin => Caller.IsAdmin;

    /// <summary>The project as the path named it: links name it again then.</summary>
    public string? PathProject { get; set; }

    /// <summary>What its path and method lead to; null where nothing answers there, and outside of the API.</summary>
    public Endpoint? Endpoint { get; set; }

    /// <summary>The route, once it is found.</summary>
    public Route? Route { get; set; }

    /// <summary>What the path's variables are, in order.</summary>
    public string Arg0 { get; set; } = "";
    public string Arg1 { get; set; } = "";

    public Body Body { get; set; } = Body.None;

    /// <summary>The status of the answer, when it is not the route's.</summary>
    public int? Status { get; set; }

    /// <summary>Whether the answer is to carry an entity tag of its body.</summary>
    public bool WithEtag { get; set; }

    public Query Query => field ??= new Query(http.Request.QueryString.Value);

    /// <summary>Where links of this answer lead.</summary>
    public Hyperlinks Links => field ??= new Hyperlinks(this);

    /// <summary>Whether the asked version behaves as from this minor on (one of <see cref="Behaviour"/>).</summary>
    public bool Supports(int minor) => Version.Minor >= minor;

    /// <summary>Now, as the database rounds it.</summary>
    public DateTime Now => Micros.ToTime(Micros.Of(means.Time.GetUtcNow().UtcDateTime));

    /// <summary>
    /// Waits for the end of an operation that this call has started. A client that goes away, or is told that it takes too long,
    /// cancels nothing.
    /// </summary>
    /// <exception cref="FaultException">The operation's, or Unavailable.</exception>
    /// <param name="atWork">As at <see cref="Waiting.ForEnd"/>.</param>
    public Task EndOf(string operationId, TimeSpan atWork = default) =>
        Waiting.ForEnd(means.Db, operationId, means.Settings.BackendTimeout, means.Time, atWork);

    /// <summary>How long another service may be waited for. A client that goes away ends nothing.</summary>
    public CancellationTokenSource Limit() => new(means.Settings.BackendTimeout, means.Time);

    /// <summary>Whether a policy rule lets the caller act on something of a project (his own when none is named).</summary>
    /// <param name="userId">Who made that, where it is remembered.</param>
    public bool Allows(string rule, string? projectId = null, string? userId = null) =>
        Settings.Policy.Current.Allows(rule, Caller, projectId ?? Caller.ProjectId, projectId is null ? Caller.UserId : userId);

    /// <exception cref="FaultException">Forbidden.</exception>
    public void Demand(string rule, string? projectId = null, string? userId = null)
    {
        if (!Allows(rule, projectId, userId)) throw new Fault.Forbidden(rule).Thrown();
    }
}

/// <summary>What all calls of an API share.</summary>
sealed record ApiMeans(Database Db, ApiSettings Settings, TimeProvider Time, Ids Ids)
{
    public RateLimit<IPAddress>? AddressRate { get; } = Settings.AddressRate > 0 ? new(Settings.AddressRate, Time) : null;
    public RateLimit<string>? ProjectRate { get; } = Settings.ProjectRate > 0 ? new(Settings.ProjectRate, Time) : null;
}
