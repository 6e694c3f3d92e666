namespace Clinker.Scheduling;

/// <summary>A pool as Cinder writes it: <c>host@backend#pool</c>.</summary>
public readonly record struct PoolName(string Host, string Backend, string Pool)
{
    /// <summary>The queue in which operations of this pool's backend wait: <c>host@backend</c>.</summary>
    public string Queue => $"{Host}@{Backend}";

    public override string ToString() => $"{Host}@{Backend}#{Pool}";

    /// <summary>Reads the full form. The host may hold neither <c>@</c> nor <c>#</c>; the pool may hold anything.</summary>
    public static PoolName Parse(string text)
    {
        var hash = text.IndexOf('#', StringComparison.Ordinal);
        var head = hash < 0 ? text : text[..hash];
        var at = head.IndexOf('@', StringComparison.Ordinal);
        return at < 0
            ? new(head, "", hash < 0 ? "" : text[(hash + 1)..])
            : new(head[..at], head[(at + 1)..], hash < 0 ? "" : text[(hash + 1)..]);
    }
}
