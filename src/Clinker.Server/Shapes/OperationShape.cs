using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Seeing;

namespace Clinker.Server.Shapes;

/// <summary>Durable work. Its arguments and the results of its steps are not told: what they hold is nobody's but the drivers'.</summary>
abstract record OperationInFull
{
    protected OperationInFull(OperationRow row, Hyperlinks.Place place)
    {
        Id = row.Id;
        Kind = row.Kind;
        Status = row.Status;
        ResourceType = row.About.Kind;
        ResourceUuid = row.About.Id;
        Queue = row.Queue;
        Owner = row.Owner;
        Attempts = row.Attempts;
        NextTryAt = row.Owner is null && row.RunAfter < OperationTable.Never && IsToBeTried(row.Status) ? row.RunAfter : null;
        Fault = Words(row.Fault);
        BytesDone = row.BytesDone;
        BytesTotal = row.BytesTotal;
        ProjectId = row.ProjectId;
        RequestId = row.RequestId;
        CreatedAt = row.CreatedAt;
        UpdatedAt = row.UpdatedAt;
        Links = new Links(place, row.Id);
    }

    public string Id { get; }
    public string Kind { get; }
    public string Status { get; }
    public string ResourceType { get; }
    public string ResourceUuid { get; }
    public string Queue { get; }
    /// <summary>Which worker has it now: host, process, and a part of its own.</summary>
    public string? Owner { get; }
    /// <summary>Failures in a row since the last progress.</summary>
    public int Attempts { get; }
    /// <summary>Not before then; null while somebody works on it, after its end, and when only a person lets it go on.</summary>
    public DateTime? NextTryAt { get; }
    /// <summary>What went wrong last, also when it has passed.</summary>
    public string? Fault { get; }
    /// <summary>How far work that moves data is, once a second; null: it has moved none. It stays after the end.</summary>
    public long? BytesDone { get; }
    /// <summary>Of how many: holes not counted where it is known without reading what they are.</summary>
    public long? BytesTotal { get; }
    public string? ProjectId { get; }
    public string? RequestId { get; }
    public DateTime CreatedAt { get; }
    public DateTime UpdatedAt { get; }
    public Links Links { get; }

    static bool IsToBeTried(string status) => status is OperationStatus.Queued or OperationStatus.Unwinding or OperationStatus.Stuck;

    /// <summary>A fault's words come from drivers and tools too: what looks like a password stays here.</summary>
    protected static string? Words(string? fault) => Operations.Fault.WordsOf(fault) is { } words ? Secrets.Mask(words) : null;
}

/// <summary>An operation in a list.</summary>
sealed record OperationShape : OperationInFull, IShape<OperationShape>
{
    public OperationShape(OperationRow row, Hyperlinks.Place place) : base(row, place)
    {
    }

    public static string One => "operation";
    public static string Many => "operations";
}

/// <summary>An operation as it is looked at: with what it has done.</summary>
sealed record OperationDetail : OperationInFull, IShape<OperationDetail>
{
    public OperationDetail(OperationRow row, IReadOnlyList<JournalEntry> journal, Hyperlinks.Place place) : base(row, place) =>
        Journal = [.. journal.Select((e, i) => new JournalShape(e.Step, e.Event, e.At,
            Math.Round((e.At - (i == 0 ? row.CreatedAt : journal[i - 1].At)).TotalSeconds, 6),
            e.Event == JournalEvent.Fault ? Words(e.Data) : null))];

    public static string One => "operation";
    public static string Many => "operations";

    /// <summary>In the order of time.</summary>
    public IReadOnlyList<JournalShape> Journal { get; }
}

/// <summary>What happened in an operation.</summary>
/// <param name="Step">Empty for the fault that turned the operation round.</param>
/// <param name="Event">done, undone, untouched, fault.</param>
/// <param name="Seconds">Since the entry before; of the first: since the operation was accepted.</param>
sealed record JournalShape(string Step, string Event, DateTime At, double Seconds, string? Fault);
