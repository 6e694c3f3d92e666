using System.Security.Cryptography;
using System.Text;
using Clinker.Host;
using Clinker.Server.Api;
using Clinker.Server.Configuration;

namespace Clinker.Server.Users;

/// <summary>
/// Whether a password is somebody's. To find out costs as much as the hash was made to cost, so it is done on threads beside those of
/// requests, few at once, once for many who bring the same; that a password fits a hash is remembered for a while, under a keyed hash of
/// both. Who has that hash is looked up each time: whoever is taken out of the file, or gets another password, is out at once. That a
/// password does not fit is not remembered.
/// </summary>
#pragma warning disable CA1001 // No wait handle hangs on the semaphore: there is nothing to dispose of.
sealed class Passwords(Watched<IReadOnlyDictionary<string, User>> users, TimeProvider time)
#pragma warning restore CA1001
{
    /// <summary>bcrypt sees no more of a password (in UTF-8).</summary>
    public const int MaxBytes = 72;
    const int MaxKnown = 5_000;
    const int MaxOpen = 128;

    static readonly TimeSpan KnownFor = TimeSpan.FromMinutes(5);

    readonly byte[] secret = RandomNumberGenerator.GetBytes(32);
    readonly Recent<DateTimeOffset> known = new(MaxKnown);
    readonly Joined<bool> open = new(MaxOpen);
    readonly SemaphoreSlim atOnce = new(Math.Max(1, Environment.ProcessorCount / 2));
    int computed;

    /// <summary>How often a hash was computed.</summary>
    public int Computed => Volatile.Read(ref computed);

    /// <summary>The user of that name if this is his password, else null: after the same work whether there is such a user or not.</summary>
    /// <param name="password">At most <see cref="MaxBytes"/>.</param>
    /// <param name="gone">The caller waits no longer; others may.</param>
    /// <exception cref="Refusal">503: too many wait already.</exception>
    public ValueTask<User?> Find(string name, string password, CancellationToken gone)
    {
        var all = users.Current;
        if (all.Count == 0) return new((User?)null);
        var user = all.GetValueOrDefault(name);
        var hash = user?.Hash ?? StandIn(all, name);
        var key = KeyOf($"{name}\n{hash}\n{password}");
        if (known.Find(key) > time.GetUtcNow()) return new(user);
        return new(Ask(key, user, hash, password, gone));
    }

    async Task<User?> Ask(string key, User? user, string hash, string password, CancellationToken gone)
    {
        var fits = open.Ask(key, () => Fits(key, user, hash, password)) ?? throw new Refusal(503, "Too many passwords are being checked at the moment.");
        return await fits.WaitAsync(gone) ? user : null;
    }

    async Task<bool> Fits(string key, User? user, string hash, string password)
    {
        await atOnce.WaitAsync();
        try
        {
            Interlocked.Increment(ref computed);
            var fits = await Background.Blocking(() => BCrypt.Net.BCrypt.Verify(password, hash), Timeout.InfiniteTimeSpan, "password");
            // What fits the hash that stands in for an unknown name fits nobody's, and is to take as long the next time.
            if (!fits || user is null) return false;
        }
        finally { atOnce.Release(); }
        known.Put(key, time.GetUtcNow() + KnownFor);
        return true;
    }

    /// <summary>The hash of somebody, always the same for a name, so that costs tell nothing of who there is.</summary>
    string StandIn(IReadOnlyDictionary<string, User> all, string name)
    {
        var number = BitConverter.ToUInt32(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(name))) % all.Count;
        return all.Values.ElementAt((int)number).Hash;
    }

    string KeyOf(string text) => Convert.ToHexString(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(text)));
}
