using System.Security.Cryptography;
using System.Text;
using Clinker.Host;

namespace Clinker.Server.Outside;

/// <summary>
/// What Keystone said of tokens, remembered under a hash of each: for at most token_cache_time from when it was asked, and never
/// beyond the token's own end. A token that is revoked meanwhile is good until then. Many who bring the same token wait for one
/// question; how many questions may be open is bounded.
/// </summary>
sealed class Tokens(Keystone keystone, TimeSpan cacheTime, TimeProvider time)
{
    const int MaxKnown = 20_000;
    const int MaxUnknown = 5_000;
    const int MaxOpen = 128;

    /// <summary>How long a token that Keystone does not know stays unknown without asking again.</summary>
    static readonly TimeSpan UnknownFor = TimeSpan.FromSeconds(10);

    readonly Recent<Known> known = new(MaxKnown);
    readonly Recent<DateTimeOffset> unknown = new(MaxUnknown);
    readonly Joined<Bearer?> open = new(MaxOpen);

    /// <summary>What a token says, or null when it is none that is good.</summary>
    /// <param name="allowExpired">Whether its time may be over.</param>
    /// <param name="gone">The caller waits no longer; others may.</param>
    /// <exception cref="KeystoneDown"/>
    public ValueTask<Bearer?> Find(string token, bool allowExpired, CancellationToken gone)
    {
        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token))) + (allowExpired ? "+" : "");
        var now = time.GetUtcNow();
        if (known.Find(key) is { } there)
        {
            if (there.Until > now) return new(there.Bearer);
            known.Remove(key);
        }
        if (unknown.Find(key) > now) return new((Bearer?)null);
        return new(Ask(key, token, allowExpired, gone));
    }

    async Task<Bearer?> Ask(string key, string token, bool allowExpired, CancellationToken gone) =>
        await (open.Ask(key, () => Validate(key, token, allowExpired)) ?? throw new KeystoneDown($"{MaxOpen} requests are waiting for Keystone already")).WaitAsync(gone);

    async Task<Bearer?> Validate(string key, string token, bool allowExpired)
    {
        var asked = time.GetUtcNow();
        var said = await keystone.Validate(token, allowExpired);
        if (said is null || (said.ExpiresAt <= time.GetUtcNow() && !allowExpired))
        {
            unknown.Put(key, time.GetUtcNow() + UnknownFor);
            return null;
        }
        var until = asked + cacheTime;
        if (cacheTime > TimeSpan.Zero) known.Put(key, new(said, allowExpired || until < said.ExpiresAt ? until : said.ExpiresAt));
        return said;
    }

    readonly record struct Known(Bearer Bearer, DateTimeOffset Until);
}
