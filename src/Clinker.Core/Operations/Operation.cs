using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Clinker.Store;

namespace Clinker.Operations;

/// <summary>
/// Durable work: a record whose <see cref="Run"/> is ordinary async C#, its named steps journaled with their undo. The
/// arguments and the step names are the journal's format: old journals are replayed by new code.
/// </summary>
public abstract record Operation
{
    /// <summary>
    /// The work. Called anew after every interruption; steps found in the journal are returned, not repeated. Between steps
    /// only arguments, step results and fixed rows may decide.
    /// </summary>
    public abstract Task Run(Saga saga);

    /// <summary>Settles what it was about after everything is undone; part of the transaction that ends the operation.</summary>
    public virtual Task Failed(Tx tx, Fault fault, OperationRow row) => Task.CompletedTask;

    /// <summary>Whether it can be taken back as a whole from where its journal is: then an administrator may have that done.</summary>
    protected internal virtual bool MayBeCancelled(IReadOnlyList<JournalEntry> journal) => false;

    /// <summary>The resource that it changes, e.g. ("volume", id).</summary>
    protected internal abstract About About { get; }

    /// <summary>How its arguments are written; the type's name is the kind.</summary>
    protected internal abstract JsonTypeInfo Json { get; }
}

/// <summary>A resource by kind and id.</summary>
public readonly record struct About(string Kind, string Id);

/// <summary>The kinds of operation that this program knows, by name.</summary>
public sealed class OperationKinds(params JsonTypeInfo[] kinds)
{
    readonly Dictionary<string, JsonTypeInfo> byName = kinds.ToDictionary(k => k.Type.Name);

    /// <summary>How to read the arguments of a kind; null when this program does not know it.</summary>
    public JsonTypeInfo? Find(string kind) => byName.GetValueOrDefault(kind);

    /// <summary>The operation of a row; null when this program does not know its kind or can't read its arguments.</summary>
    public Operation? Read(OperationRow row)
    {
        try { return Find(row.Kind) is { } json ? JsonSerializer.Deserialize(row.Arguments, json) as Operation : null; }
        catch (JsonException) { return null; }
    }
}

/// <summary>The states of an operation.</summary>
public static class OperationStatus
{
    public const string Queued = "queued";
    public const string Running = "running";
    public const string Unwinding = "unwinding";
    /// <summary>
    /// An undo kept failing, or the journal holds what this program does not know: waits for a person, or, when the backend was
    /// away, for that.
    /// </summary>
    public const string Stuck = "stuck";
    public const string Done = "done";
    public const string Failed = "failed";
}

/// <summary>An operation as it is remembered.</summary>
/// <param name="Generation">Grows with every lease; journal writes are fenced by it.</param>
/// <param name="HandedAt">When it was handed to <paramref name="Queue"/>; null once a worker of that queue has taken it.</param>
/// <param name="RunAfter">Not before then; of a stuck one: not before then without a person.</param>
/// <param name="Attempts">Failures in a row since the last progress.</param>
public sealed record OperationRow(
    string Id, string Kind, string Arguments, string Queue, string Status, long Generation, string? Owner, DateTime LeaseUntil,
    DateTime RunAfter, DateTime? HandedAt, int Attempts, About About, string? ProjectId, string? RequestId, string? Fault,
    DateTime CreatedAt, DateTime UpdatedAt)
{
    /// <summary>How far work that moves data is, in bytes; null: it has moved none. It stays after the end.</summary>
    public long? BytesDone { get; init; }
    public long? BytesTotal { get; init; }
}
