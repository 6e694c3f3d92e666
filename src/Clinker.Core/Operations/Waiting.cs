using System.Text.Json;
using Clinker.Store;

namespace Clinker.Operations;

/// <summary>
/// Waiting for the end of an operation that a worker, perhaps of another host, runs. Whoever waits has no part in it: that he goes
/// away, or has waited long enough, changes nothing. An operation that is waited for says when it ends (<see cref="Tell"/>); the
/// looks at the row are for words that were lost with a connection.
/// </summary>
public static class Waiting
{
    static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Wakes those who wait for an operation, once the transaction that ends it is committed.</summary>
    public static void Tell(this Tx tx, OperationRow operation) => tx.Wake(Name(operation.Id));

    /// <summary>Returns when the operation has ended well.</summary>
    /// <exception cref="FaultException">
    /// The fault with which it failed or stuck; after <paramref name="atMost"/> the one that it met last, or Unavailable: it goes on.
    /// </exception>
    /// <param name="atWork">How long it is waited for instead as long as somebody is at it, and has met no fault.</param>
    public static async Task ForEnd(Database db, string operationId, TimeSpan atMost, TimeProvider time, TimeSpan atWork = default)
    {
        using var woken = new SemaphoreSlim(0);
        void Heard(string name)
        {
            if (name.Length == 0 || name == Name(operationId)) woken.Release();
        }
        var began = time.GetTimestamp();
        db.Woken += Heard;
        try
        {
            for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                if (await db.Read(tx => tx.Operations.Get(operationId)) is not { } row || row.Status == OperationStatus.Done) return;
                var most = atWork > atMost && row is { Status: OperationStatus.Running, Fault: null } && row.LeaseUntil > time.GetUtcNow().UtcDateTime ? atWork : atMost;
                var left = most - time.GetElapsedTime(began);
                if (row.Status is OperationStatus.Failed or OperationStatus.Stuck || left <= TimeSpan.Zero) throw FaultOf(row).Thrown();
                using var timer = new CancellationTokenSource(pause < left ? pause : left, time);
                try { await woken.WaitAsync(timer.Token); }
                catch (OperationCanceledException) { /* a look at the row, then */ }
            }
        }
        finally { db.Woken -= Heard; }
    }

    static Fault FaultOf(OperationRow row) => row.Fault is { } text
        ? JsonSerializer.Deserialize(text, CoreJson.Default.Fault)!
        : new Fault.Unavailable($"The backend has not answered yet; the work on {row.About.Kind} {row.About.Id} goes on.");

    static string Name(string operationId) => "end of " + operationId;
}
