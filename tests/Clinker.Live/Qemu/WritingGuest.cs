using System.Diagnostics;
using Clinker.Host;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>
/// What runs in a virtual machine: writers that write to its disk all the time, each to clusters of its own, one after the other, and read what
/// they have written. Of each write it is known when it was begun and when it was there: so of what is found in a snapshot it can be told whether
/// it is what the disk was at one moment.
/// </summary>
sealed class WritingGuest(long[] content, int seed) : IAsyncDisposable
{
    const int Writers = 2, PerFlush = 10;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    static long values;

    /// <summary>A write of one value to some blocks of a cluster, since some moment; the ticks.</summary>
    sealed record Written(int First, int Count, long Value, long Begun)
    {
        public long There { get; set; } = long.MaxValue;
    }

    /// <summary>How many writes of each writer were there at least, or at most.</summary>
    public sealed record Mark(long[] Counts);

    readonly List<Written>[] written = [.. Enumerable.Range(0, Writers).Select(_ => new List<Written>())];
    readonly int[] flushed = new int[Writers];
    readonly Lock door = new();
    long[] before = content;
    volatile bool over, lost;
    volatile int places = content.Length;
    Task writing = Task.CompletedTask;
    string socket = "";

    /// <summary>How many writes there were.</summary>
    public int Count { get { lock (door) return written.Sum(w => w.Count); } }

    /// <summary>On the disk.</summary>
    public int Size => places;

    /// <summary>Whether it has seen what can't be, and writes no more: <see cref="Rest"/> tells why.</summary>
    public bool HasFailed => writing.IsFaulted;

    /// <summary>Begins, or goes on.</summary>
    /// <param name="nbd">Where the disk is.</param>
    public void Run(string nbd)
    {
        Assert.True(writing.IsCompleted);
        (socket, over, lost) = (nbd, false, false);
        var runs = Enumerable.Range(0, Writers).Select(w => Background.Start(() => Write(w))).ToList();
        writing = Task.WhenAll(runs);
    }

    /// <summary>Lets what is under way come to its end, and rests; all is on the storage then as far as the disk says.</summary>
    public async Task Rest()
    {
        over = true;
        await writing;
        Assert.False(lost, "the disk has gone from under the guest");
    }

    /// <summary>Waits until the disk has gone from under it.</summary>
    public async Task Lost() => await writing.WaitAsync(TimeSpan.FromSeconds(20));

    async Task Write(int me)
    {
        var random = new Random(seed * Writers + me + Count);
        NbdDisk? disk = null;
        var seen = Now();
        try
        {
            disk = await NbdDisk.Come(socket);
            for (var n = 1; !over; n++)
            {
                var clusters = places / Places.PerCluster;
                var first = random.Next(clusters / Writers) * Writers * Places.PerCluster + me * Places.PerCluster;
                var zero = random.Next(12) == 0;
                if (!zero) first += random.Next(Places.PerCluster);
                var one = new Written(first, zero ? Places.PerCluster : 1, zero ? 0 : Interlocked.Increment(ref values), Stopwatch.GetTimestamp());
                lock (door) written[me].Add(one);
                // As data. Told to zero, QEMU may leave in a cluster what was there: by what GlusterFS says well to over FUSE, and does not do
                // (fallocate with FALLOC_FL_ZERO_RANGE). That is between those two.
                if (zero) await disk.Write(Places.ClusterAt(first), new byte[Places.WholeCluster]);
                else await disk.Write(Places.Offset(first), Places.Block(one.Value));
                lock (door) one.There = Stopwatch.GetTimestamp();
                for (var p = one.First; p < one.First + one.Count; p++) seen[p] = one.Value;
                if (n % 3 == 0)
                {
                    var at = random.Next(clusters / Writers) * Writers * Places.PerCluster + me * Places.PerCluster + random.Next(Places.PerCluster);
                    var found = Places.Value(await disk.Read(Places.Offset(at), Places.BlockBytes), $"the guest reads block {at}");
                    Assert.True(found == seen[at], $"the guest reads {found} in block {at}, and wrote {seen[at]}");
                }
                if (n % PerFlush == 0) await Flush(disk);
                await Task.Delay(Pause);
            }
            await Flush(disk);
        }
        catch (IOException) { lost = true; } // a write that was begun may be there or not
        finally { disk?.Dispose(); }

        async Task Flush(NbdDisk to)
        {
            var count = written[me].Count;
            await to.Flush();
            lock (door) flushed[me] = count;
        }
    }

    /// <summary>Waits until each writer has flushed once more.</summary>
    public async Task Flushed()
    {
        int[] from;
        lock (door) from = [.. flushed];
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(2))
        {
            lock (door)
                if (Enumerable.Range(0, Writers).All(w => flushed[w] > from[w])) return;
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), "the guest does not flush");
        }
    }

    /// <summary>What is on the disk when all that was begun is there.</summary>
    public long[] Now()
    {
        lock (door)
        {
            var now = (long[])before.Clone();
            foreach (var one in written.SelectMany(w => w)) Apply(now, one);
            return now;
        }
    }

    static void Apply(long[] to, Written one)
    {
        for (var p = one.First; p < one.First + one.Count; p++) to[p] = one.Value;
    }

    /// <summary>The disk is larger; so is what it writes to, once it runs again.</summary>
    public void Grow(int sizeGb) => Restart([.. Now(), .. new long[sizeGb * Places.PerGb - places]]);

    void Restart(long[] with)
    {
        Assert.True(writing.IsCompleted);
        lock (door)
        {
            (before, places) = (with, with.Length);
            foreach (var one in written) one.Clear();
            Array.Clear(flushed);
        }
    }

    /// <summary>What is certain to be on the disk now.</summary>
    public Mark AtLeast() { lock (door) return new([.. written.Select(w => (long)w.Count(o => o.There != long.MaxValue))]); }

    /// <summary>What may be.</summary>
    public Mark AtMost() { lock (door) return new([.. written.Select(w => (long)w.Count)]); }

    /// <summary>What was found is what the disk was at one moment between two: of each writer all up to some write, and nothing behind that.</summary>
    public void WasAtOneMoment(long[] found, Mark from, Mark to, string what)
    {
        lock (door)
        {
            var (latest, earliest) = (0L, long.MaxValue);
            var disk = (long[])before.Clone();
            for (var me = 0; me < Writers; me++)
            {
                foreach (var one in written[me].Take((int)from.Counts[me])) Apply(disk, one);
                long? low = null;
                var high = 0L;
                for (var n = from.Counts[me]; ; n++)
                {
                    if (Differ() == 0) (low, high) = (low ?? n, n);
                    if (n == to.Counts[me]) break;
                    Apply(disk, written[me][(int)n]);
                }
                Assert.True(low is not null, $"{what} is no moment between {from.Counts[me]} and {to.Counts[me]} writes of {me}: {Words()}");
                if (low > 0) latest = Math.Max(latest, written[me][(int)low - 1].Begun);
                if (high < written[me].Count) earliest = Math.Min(earliest, written[me][(int)high].There);

                IEnumerable<int> Own() => Enumerable.Range(0, found.Length).Where(p => p / Places.PerCluster % Writers == me);
                int Differ() => Own().Count(p => found[p] != disk[p]);
                string Words() => string.Join(", ", Own().Where(p => found[p] != disk[p]).Take(10).Select(p => $"block {p} is {found[p]}, was {disk[p]} at last"));
            }
            Assert.True(latest < earliest, $"{what} has a write that was begun when one that it has not was there");
        }
    }

    /// <summary>
    /// The disk went away from under it, and is there again: what was written before the last flush is there, and of what was written since any part.
    /// Writes down what is there.
    /// </summary>
    public async Task Recover(string nbd)
    {
        using var disk = await NbdDisk.Come(nbd);
        var found = new long[places];
        for (var p = 0; p < found.Length; p++) found[p] = Places.Value(await disk.Read(Places.Offset(p), Places.BlockBytes), $"after QEMU was killed, block {p}");
        var may = before.Select(v => new HashSet<long> { v }).ToArray();
        for (var me = 0; me < Writers; me++)
            for (var n = 0; n < written[me].Count; n++)
                for (var p = written[me][n].First; p < written[me][n].First + written[me][n].Count; p++)
                {
                    if (n < flushed[me]) may[p].Clear();
                    may[p].Add(written[me][n].Value);
                }
        var wrong = Enumerable.Range(0, found.Length).Where(p => !may[p].Contains(found[p])).ToList();
        Assert.True(wrong.Count == 0, $"after QEMU was killed {wrong.Count} blocks are wrong: "
            + string.Join(", ", wrong.Take(10).Select(p => $"{p} is {found[p]}, not {string.Join(" or ", may[p])}")));
        Restart(found);
    }

    public async ValueTask DisposeAsync()
    {
        over = true;
        try { await writing; }
        catch (Exception e) when (e is InvalidDataException or Xunit.Sdk.XunitException) { /* it was told where it is waited for */ }
    }
}
