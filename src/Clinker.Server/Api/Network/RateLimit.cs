namespace Clinker.Server.Api.Network;

/// <summary>
/// So many requests a second for each of many, and as many at once after a second of quiet: a bucket that holds one second's worth,
/// of which only the moment is kept at which it will be full again.
/// </summary>
/// <param name="perSecond">At least one.</param>
sealed class RateLimit<T>(int perSecond, TimeProvider time) where T : notnull
{
    /// <summary>
    /// Of how many it remembers something. Where more than half of so many have called within a second, all of them begin anew: memory
    /// has a bound, whoever calls.
    /// </summary>
    public const int Most = 100_000;

    readonly Lock mutex = new();
    readonly Dictionary<T, long> fullAt = [];
    readonly long each = time.TimestampFrequency / perSecond;

    public int PerSecond => perSecond;

    /// <summary>Of how many something is remembered.</summary>
    public int Count { get { lock (mutex) return fullAt.Count; } }

    /// <returns>Zero: it may, and is counted. Otherwise after how long the next one may; what is refused is not counted.</returns>
    public TimeSpan Take(T key)
    {
        lock (mutex)
        {
            var now = time.GetTimestamp();
            var full = Math.Max(fullAt.GetValueOrDefault(key), now) + each;
            var tooMuch = full - now - time.TimestampFrequency;
            if (tooMuch > 0) return TimeSpan.FromSeconds((double)tooMuch / time.TimestampFrequency);
            if (fullAt.Count >= Most) Forget(now);
            fullAt[key] = full;
            return TimeSpan.Zero;
        }
    }

    /// <summary>How many may be sent at once now, and after how long the next one.</summary>
    public (int Now, TimeSpan Next) Left(T key)
    {
        lock (mutex)
        {
            var free = time.TimestampFrequency - Math.Max(0, fullAt.GetValueOrDefault(key) - time.GetTimestamp());
            var left = (int)(free / each);
            return (left, left > 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)(each - free) / time.TimestampFrequency));
        }
    }

    // Half of them at least go at a time, so that it costs each newcomer little.
    void Forget(long now)
    {
        foreach (var (key, full) in fullAt)
            if (full <= now) fullAt.Remove(key);
        if (fullAt.Count > Most / 2) fullAt.Clear();
    }
}
