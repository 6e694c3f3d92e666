using System.Collections.Concurrent;

namespace Clinker.Host;

/// <summary>Questions of which each is asked once for all who have it at the same time, and of which only so many are open. For many threads.</summary>
public sealed class Joined<T>(int most)
{
    readonly ConcurrentDictionary<string, Lazy<Task<T>>> open = new();

    /// <summary>What becomes of the question, be it this one or one that was open already; null: there are too many.</summary>
    /// <param name="ask">Goes on when those who wait for it do not.</param>
    public Task<T>? Ask(string key, Func<Task<T>> ask)
    {
        if (open.Count >= most && !open.ContainsKey(key)) return null;
        return open.GetOrAdd(key, new Lazy<Task<T>>(Once)).Value;

        async Task<T> Once()
        {
            try { return await ask(); }
            finally { open.TryRemove(key, out _); }
        }
    }
}
