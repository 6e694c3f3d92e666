using Clinker.Operations;

namespace Clinker;

/// <summary>
/// From which status something may be done to a resource, and what it shows meanwhile. The same record makes the conditional
/// update and the words of the refusal.
/// </summary>
/// <param name="Verb">As the user knows it.</param>
/// <param name="From">Statuses that allow it; null for any.</param>
/// <param name="Via">The status while it runs; null when it stays as it is.</param>
/// <param name="Refusal">
/// Cinder's words when it is refused; <c>{id}</c> and <c>{status}</c> stand for the resource's, <c>{other}</c> for the id of
/// another that has part in it (<see cref="With"/>).
/// </param>
/// <param name="Needs">What else must be so.</param>
public sealed record Rule(string Verb, IReadOnlyList<string>? From, string? Via, string Refusal, Needs Needs = Needs.Nothing)
{
    /// <summary>The status before is kept, for what puts it back.</summary>
    public bool Remembers { get; init; }

    /// <summary>Refused with 409, not 400.</summary>
    public bool Conflicts { get; init; }

    /// <summary>The refusal, about a resource in a status.</summary>
    public FaultException Refused(string id, string status)
    {
        var words = Refusal.Replace("{id}", id, StringComparison.Ordinal).Replace("{status}", status, StringComparison.Ordinal);
        return Conflicts ? new Fault.Conflict(words).Thrown() : new Fault.Invalid(words).Thrown();
    }

    /// <summary>The rule with its words about another resource too.</summary>
    public Rule With(string other) => this with { Refusal = Refusal.Replace("{other}", other, StringComparison.Ordinal) };

    /// <summary>Whether a status allows it, whatever else is so.</summary>
    public bool Allows(string status) => From is null || From.Contains(status);
}

/// <summary>What must be so of a volume besides its status.</summary>
[Flags]
public enum Needs
{
    Nothing = 0,
    /// <summary>It is not attached.</summary>
    Detached = 1,
    /// <summary>No migration is under way.</summary>
    Settled = 2,
    /// <summary>It is in no group.</summary>
    Ungrouped = 4,
    /// <summary>It has no snapshots.</summary>
    WithoutSnapshots = 8,
    /// <summary>Its backend is not frozen. Refused in words of its own, before anything else is looked at.</summary>
    Thawed = 16,
    /// <summary>It is not replicated.</summary>
    Unreplicated = 32,
}
