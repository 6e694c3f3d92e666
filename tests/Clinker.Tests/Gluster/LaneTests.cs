using System.Collections.Concurrent;
using System.Diagnostics;
using Clinker.Gluster;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Gluster;

public sealed class LaneTests : IDisposable
{
    static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    readonly FakeTimeProvider time = new();
    readonly ManualResetEventSlim hang = new();
    volatile int begun;
    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => hang.Dispose();

    bool Hang(CancellationToken given)
    {
        Interlocked.Increment(ref begun);
        hang.Wait(CancellationToken.None); // as a system call on a dead mount: no token ends it
        return given.IsCancellationRequested;
    }

    [Fact]
    public async Task Acts_run_beside_each_other_up_to_the_bound_and_give_back_what_they_got()
    {
        var lane = new Lane("t", 3, TimeProvider.System);
        var (now, most) = (0, 0);
        var results = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => lane.Run(_ =>
        {
            var n = Interlocked.Increment(ref now);
            InterlockedMax(ref most, n);
            Thread.Yield();
            Interlocked.Decrement(ref now);
            return i;
        }, Deadline, Token)));
        Assert.Equal(Enumerable.Range(0, 200), results);
        Assert.InRange(most, 1, 3);
        static void InterlockedMax(ref int most, int n) { int was; while ((was = most) < n && Interlocked.CompareExchange(ref most, n, was) != was) { } }
    }

    [Fact]
    public async Task Threads_are_used_again()
    {
        var lane = new Lane("t", 4, TimeProvider.System);
        var threads = new ConcurrentDictionary<int, bool>();
        for (var i = 0; i < 100; i++) await lane.Run(_ => threads[Environment.CurrentManagedThreadId] = true, Deadline, Token);
        Assert.InRange(threads.Count, 1, 4);
    }

    [Fact]
    public async Task What_an_act_throws_reaches_its_caller() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => new Lane("t", 1, time).Run<int>(_ => throw new InvalidDataException(), Deadline, Token));

    [Fact]
    public async Task At_its_deadline_an_act_is_given_up_and_told_so()
    {
        var lane = new Lane("t", 2, time);
        var toldSo = new TaskCompletionSource<bool>();
        var act = lane.Run(given => { var r = Hang(given); toldSo.SetResult(given.IsCancellationRequested); return r; }, Deadline, Token);
        await Soon.Until(() => begun == 1);
        time.Advance(Deadline);
        await Assert.ThrowsAsync<TimeoutException>(() => act);
        Assert.Equal(1, lane.Stuck);
        hang.Set();
        Assert.True(await toldSo.Task);
        await Soon.Until(() => lane.Stuck == 0);
    }

    [Fact]
    public async Task A_lane_that_hangs_refuses_at_once_lets_one_probe_through_and_opens_with_the_first_answer()
    {
        var lane = new Lane("t", 3, time);
        var acts = Enumerable.Range(0, 5).Select(_ => lane.Run(Hang, Deadline, Token)).ToList();
        await Soon.Until(() => begun == 3);
        Assert.Null(lane.HungFor);
        time.Advance(Deadline);
        foreach (var act in acts) await Assert.ThrowsAsync<TimeoutException>(() => act);
        Assert.Equal((3, Deadline), (lane.Stuck, lane.HungFor));
        Assert.True(lane.Run(_ => true, Deadline, Token).IsFaulted);

        var probe = lane.Run(Hang, Deadline, Token, probe: true);
        Assert.False(probe.IsCompleted);
        await Soon.Until(() => begun == 4);
        time.Advance(Deadline);
        await Assert.ThrowsAsync<TimeoutException>(() => probe);
        Assert.Equal(4, lane.Stuck);
        Assert.True(lane.Run(_ => true, Deadline, Token, probe: true).IsFaulted); // one is out already: no more threads

        hang.Set();
        await Soon.Until(() => lane.Stuck == 0);
        Assert.Null(lane.HungFor);
        Assert.True(await lane.Run(_ => true, Deadline, Token));
    }

    [Fact]
    public async Task One_slow_act_is_no_hang_while_others_are_answered()
    {
        var lane = new Lane("t", 2, time);
        var slow = lane.Run(Hang, Deadline, Token);
        await Soon.Until(() => begun == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await lane.Run(_ => true, Deadline, Token));
        time.Advance(Deadline);
        await Assert.ThrowsAsync<TimeoutException>(() => slow);
        Assert.Null(lane.HungFor);
        Assert.True(await lane.Run(_ => true, Deadline, Token));
        hang.Set();
    }

    [Fact]
    public async Task A_probe_passes_by_those_that_wait()
    {
        var lane = new Lane("t", 1, time);
        var acts = Enumerable.Range(0, 10).Select(_ => lane.Run(Hang, Deadline, Token)).ToList();
        Assert.True(await lane.Run(_ => true, Deadline, Token, probe: true));
        Assert.DoesNotContain(acts, a => a.IsCompleted);
        hang.Set();
        await Task.WhenAll(acts);
    }

    [Fact]
    public async Task A_caller_whose_token_ends_waits_no_longer_and_what_had_not_begun_never_does()
    {
        var lane = new Lane("t", 1, time);
        using var ends = new CancellationTokenSource();
        var running = lane.Run(Hang, Deadline, ends.Token);
        var ran = false;
        var waiting = lane.Run(_ => ran = true, Deadline, ends.Token);
        await ends.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Throws<OperationCanceledException>(() => { _ = lane.Run(_ => true, Deadline, ends.Token); });
        hang.Set();
        Assert.True(await lane.Run(_ => true, Deadline, Token));
        Assert.False(ran);
    }

    [Fact]
    public async Task A_closed_lane_takes_and_keeps_nothing()
    {
        var lane = new Lane("t", 1, time);
        var running = lane.Run(Hang, Deadline, Token);
        await Soon.Until(() => begun == 1);
        var waiting = lane.Run(_ => true, Deadline, Token);
        lane.Close();
        await Assert.ThrowsAsync<TimeoutException>(() => waiting);
        await Assert.ThrowsAsync<TimeoutException>(() => lane.Run(_ => true, Deadline, Token));
        hang.Set();
        Assert.False(await running);
    }
}
