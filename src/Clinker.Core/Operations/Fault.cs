using System.Text.Json;
using System.Text.Json.Serialization;

namespace Clinker.Operations;

/// <summary>
/// What went wrong, told to somebody. A closed set: it is data that goes into the journal, into user messages and, by one
/// switch at the edge (Server/Api/FaultResponses.cs), into an HTTP status. Causes go to the log.
/// </summary>
/// <param name="Message">For admins, in the journal and the log: it may name backends, hosts and paths. Users read <see cref="ForUsers"/>.</param>
[JsonDerivedType(typeof(NotFound), "not-found")]
[JsonDerivedType(typeof(Missing), "missing")]
[JsonDerivedType(typeof(Invalid), "invalid")]
[JsonDerivedType(typeof(Conflict), "conflict")]
[JsonDerivedType(typeof(Forbidden), "forbidden")]
[JsonDerivedType(typeof(OverQuota), "over-quota")]
[JsonDerivedType(typeof(NoValidBackend), "no-valid-backend")]
[JsonDerivedType(typeof(BackendDown), "backend-down")]
[JsonDerivedType(typeof(ShareFull), "share-full")]
[JsonDerivedType(typeof(DriverFailed), "driver-failed")]
[JsonDerivedType(typeof(HostGone), "host-gone")]
[JsonDerivedType(typeof(Cancelled), "cancelled")]
[JsonDerivedType(typeof(BadSignature), "bad-signature")]
[JsonDerivedType(typeof(NoBackupService), "no-backup-service")]
[JsonDerivedType(typeof(Unavailable), "unavailable")]
[JsonDerivedType(typeof(Misconfigured), "misconfigured")]
[JsonDerivedType(typeof(Bug), "bug")]
public abstract record Fault(string Message)
{
    /// <summary>What users are told: nothing of how the cloud is made, nor of what others have in it.</summary>
    [JsonIgnore] public string ForUsers => NamesNothing ? Message : Veiled ?? Message;

    /// <summary>That this one's <see cref="Message"/> is for everybody, although its kind may name what is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public bool NamesNothing { get; init; }

    /// <summary>What is said instead to users; null where the message names nothing.</summary>
    protected virtual string? Veiled => null;

    /// <summary>Whether the same act may succeed later without anybody changing anything.</summary>
    [JsonIgnore] public virtual bool Transient => false;

    /// <summary>
    /// The words of a fault as it is remembered, also of one that only a newer program knows; null when there are none.
    /// </summary>
    public static string? WordsOf(string? remembered)
    {
        if (remembered is null) return null;
        try
        {
            using var json = JsonDocument.Parse(remembered);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty(nameof(Message), out var words)
                ? words.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) { return null; }
    }

    /// <summary>Throws this fault.</summary>
    public FaultException Thrown(Exception? cause = null) => new(this, cause);

    /// <summary>404. Kind is a noun as Cinder words it: "Volume", "Volume type".</summary>
    public sealed record NotFound(string Kind, string Id) : Fault($"{Kind} {Id} could not be found.");

    /// <summary>404 in other words than "could not be found". The whole text is the message.</summary>
    public sealed record Missing(string Why) : Fault(Why);

    /// <summary>400: a value, a body or a state that does not fit. The whole text is the message.</summary>
    public sealed record Invalid(string Why) : Fault(Why)
    {
        /// <summary>Cinder's InvalidInput.</summary>
        public static Invalid Input(string why) => new($"Invalid input received: {why}");

        /// <summary>Cinder's InvalidVolume.</summary>
        public static Invalid Volume(string why) => new($"Invalid volume: {why}");
    }

    /// <summary>409.</summary>
    public sealed record Conflict(string Why) : Fault(Why);

    /// <summary>403: the policy rule said no.</summary>
    public sealed record Forbidden(string Rule) : Fault($"Policy doesn't allow {Rule} to be performed.");

    /// <summary>413: a quota would be passed. The whole text is the message.</summary>
    public sealed record OverQuota(string Why) : Fault(Why);

    /// <summary>No pool can take the volume; says what is against each.</summary>
    /// <param name="MayPass">No pool is known yet: the first report may come at any moment.</param>
    public sealed record NoValidBackend(string Why, bool MayPass = false) : Fault($"No valid backend was found. {Why}")
    {
        public override bool Transient => MayPass;

        protected override string Veiled => "No valid backend was found.";
    }

    /// <summary>The backend or its share does not answer now.</summary>
    public sealed record BackendDown(string Backend, string Why) : Fault($"Backend {Backend} is down: {Why}")
    {
        public override bool Transient => true;

        protected override string Veiled => "The backend is down.";
    }

    /// <summary>The share has no room left for this act (ENOSPC, EDQUOT).</summary>
    public sealed record ShareFull(string Share) : Fault($"Share {Share} is full.")
    {
        protected override string Veiled => "The backend is full.";
    }

    /// <summary>The driver could not do it, and trying again would not help.</summary>
    public sealed record DriverFailed(string Verb, string Why) : Fault($"The driver could not {Verb}: {Why}")
    {
        protected override string Veiled => $"The driver could not {Verb}.";
    }

    /// <summary>The host that was to do it has stopped and did not come back in time.</summary>
    public sealed record HostGone(string Host) : Fault($"Host {Host} is down and did not take the work in time.")
    {
        protected override string Veiled => "The host that was to do it is down and did not take the work in time.";
    }

    /// <summary>Somebody who may did not want it any more.</summary>
    public sealed record Cancelled() : Fault("It was cancelled by an administrator.");

    /// <summary>400: an image that says that it is signed, and whose signature can't be verified.</summary>
    public sealed record BadSignature(string ImageId, string Why) : Fault($"The signature of image {ImageId} can't be verified: {Why}")
    {
        protected override string Veiled => $"The signature of image {ImageId} can't be verified.";
    }

    /// <summary>503: no service is up that keeps backups.</summary>
    public sealed record NoBackupService() : Fault("Service not found for creating backup.");

    /// <summary>503: something that we need (database, identity) does not answer now.</summary>
    public sealed record Unavailable(string Why) : Fault(Why)
    {
        public override bool Transient => true;
    }

    /// <summary>500 with a text: the operator has to mend the configuration.</summary>
    public sealed record Misconfigured(string Why) : Fault(Why)
    {
        protected override string Veiled => "The service is misconfigured; its operator can find out how.";
    }

    /// <summary>A defect of ours: nothing of it for the user but where the log tells it.</summary>
    public sealed record Bug(string? RequestId) : Fault($"An unexpected error occurred; the log tells it under request {RequestId}.");
}

/// <summary>The one exception that carries faults. Any other exception is a bug of ours.</summary>
public sealed class FaultException(Fault fault, Exception? cause = null) : Exception(fault.Message, cause)
{
    public Fault Fault => fault;

    /// <summary>
    /// The thrower is sure that this call has changed nothing and never will (it did not get as far as the storage, or no further
    /// than a look): so what would take it back need not run, and a storage that is away for good keeps nobody waiting for its
    /// undo. False when in doubt.
    /// </summary>
    public bool NothingDone { get; init; }

    /// <summary>It passes as soon as other work of ours has ended, however long that takes: waiting for it is no failure.</summary>
    public bool Waits { get; init; }

    /// <summary>Of what waits for somebody outside, who wakes the operation (<see cref="OperationTable.Tell"/>): when it is looked at all the same.</summary>
    public TimeSpan? Pause { get; init; }
}
