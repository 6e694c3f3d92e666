namespace Clinker.Gluster;

/// <summary>
/// The threads on which one pool's storage is touched. A system call on a dead mount may come back in an hour or never, so
/// none runs on the thread pool: a lane has a bounded number of threads of its own, gives up on an act at its deadline and,
/// once the storage stops answering, refuses further acts at once instead of feeding it more threads.
///
/// An act that was given up goes on in its thread until the kernel lets go of it; its token is cancelled, and what publishes
/// anything asks that token first. The lane counts as hung while an act is past its deadline and the storage has answered
/// nothing since that act began. One probe may then still be sent after it; the first answer of any act opens the lane again.
/// </summary>
/// <param name="name">Of the threads, for whoever looks at the process.</param>
/// <param name="threads">How many acts run at a time, a probe not counted.</param>
internal sealed class Lane(string name, int threads, TimeProvider time)
{
    /// <summary>How long a thread waits for more to do before it ends.</summary>
    static readonly TimeSpan IdleBeforeEnd = TimeSpan.FromSeconds(30);
    const int StackBytes = 512 * 1024;

    readonly object gate = new();
    readonly LinkedList<Act> waiting = [];
    readonly HashSet<Act> stuck = [];
    int alive, idle;
    bool closed;
    long answered = time.GetTimestamp();

    /// <summary>How long the storage has given no answer to an act that is past its deadline; null while it answers.</summary>
    public TimeSpan? HungFor
    {
        get
        {
            lock (gate)
            {
                var since = stuck.Where(a => a.Started >= answered).Select(a => (long?)a.Started).Min();
                return since is { } s ? time.GetElapsedTime(s) : null;
            }
        }
    }

    /// <summary>How many threads are held by acts past their deadline.</summary>
    public int Stuck { get { lock (gate) return stuck.Count; } }

    /// <summary>
    /// Runs a call that may block. The token that it gets ends with the deadline, with <paramref name="token"/>, and when the
    /// caller stops waiting.
    /// </summary>
    /// <param name="probe">Goes first, has a thread of its own, and is let through while the lane hangs, one at a time.</param>
    /// <exception cref="TimeoutException">It had not come back at the deadline, or the lane hangs and it was not begun.</exception>
    public Task<T> Run<T>(Func<CancellationToken, T> call, TimeSpan deadline, CancellationToken token, bool probe = false)
    {
        token.ThrowIfCancellationRequested();
        var act = new Act<T>(call, probe);
        lock (gate)
        {
            if (closed) return Task.FromException<T>(new TimeoutException("its mount was replaced just now"));
            if (HungFor is { } hung && (!probe || stuck.Any(a => a.Probe)))
                return Task.FromException<T>(new TimeoutException($"it has not answered for {hung.TotalSeconds:0} s"));
            if (probe) waiting.AddFirst(act); else waiting.AddLast(act);
            // An idle thread that was woken and has not yet run still counts as idle, and its act as waiting.
            if (waiting.Count > idle && alive < threads + (probe ? 1 : 0)) Begin();
            else Monitor.Pulse(gate);
        }
        act.Watch(time.CreateTimer(_ => Expire(act, deadline), null, deadline, Timeout.InfiniteTimeSpan),
            token.UnsafeRegister(_ => act.Cancel(token), null));
        return act.Done.Task;
    }

    /// <summary>The mount is gone for good: what waits is refused, threads end as the kernel lets go of them.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            foreach (var act in waiting) act.GiveUp("its mount was replaced just now");
            waiting.Clear();
            Monitor.PulseAll(gate);
        }
    }

    void Begin()
    {
        alive++;
        new Thread(Serve, StackBytes) { IsBackground = true, Name = name }.Start();
    }

    void Serve()
    {
        while (Next() is { } act)
        {
            act.Call();
            lock (gate)
            {
                answered = time.GetTimestamp();
                stuck.Remove(act);
                act.Ended = true;
            }
            act.Tell();
        }
    }

    Act? Next()
    {
        lock (gate)
        {
            while (true)
            {
                // The thread above the bound is there for probes: it ends when it has none to do.
                var first = waiting.First?.Value;
                if (first is not null && (alive <= threads || first.Probe))
                {
                    waiting.RemoveFirst();
                    if (!first.Begins(time.GetTimestamp())) continue;
                    return first;
                }
                idle++;
                var more = !closed && alive <= threads && Monitor.Wait(gate, IdleBeforeEnd);
                idle--;
                if (more || (waiting.Count > 0 && alive <= threads)) continue;
                alive--;
                return null;
            }
        }
    }

    void Expire(Act act, TimeSpan deadline)
    {
        lock (gate)
        {
            if (act.Ended) return;
            if (act.Begun) stuck.Add(act);
            else waiting.Remove(act);
        }
        act.GiveUp($"it did not answer within {deadline.TotalSeconds:0.#} s");
    }

#pragma warning disable CA1001 // Neither a timer nor a wait handle hangs on the source: there is nothing to dispose of.
    abstract class Act(bool probe)
#pragma warning restore CA1001
    {
        readonly CancellationTokenSource given = new();
        ITimer? timer;
        CancellationTokenRegistration registration;

        public bool Probe => probe;
        /// <summary>When a thread took it; only meaningful once <see cref="Begun"/>.</summary>
        public long Started { get; private set; }
        public bool Begun { get; private set; }
        public bool Ended { get; set; }

        /// <summary>Makes the call and keeps what came of it.</summary>
        public abstract void Call();
        /// <summary>Tells the caller what came of the call.</summary>
        public abstract void Tell();
        public abstract void GiveUp(string why);
        public abstract void Cancel(CancellationToken token);

        /// <summary>False when nobody waits for it any more.</summary>
        public bool Begins(long now)
        {
            if (given.IsCancellationRequested) return false;
            (Started, Begun) = (now, true);
            return true;
        }

        public void Watch(ITimer timer, CancellationTokenRegistration registration)
        {
            lock (given)
            {
                (this.timer, this.registration) = (timer, registration);
                if (Ended) Unwatch();
            }
        }

        protected CancellationToken Token => given.Token;
        protected void Stop() => given.Cancel();

        protected void Unwatch()
        {
            lock (given)
            {
                timer?.Dispose();
                registration.Unregister();
            }
        }
    }

    sealed class Act<T>(Func<CancellationToken, T> call, bool probe) : Act(probe)
    {
        public TaskCompletionSource<T> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        T? result;
        Exception? failure;

        public override void Call()
        {
            try { result = call(Token); }
            catch (Exception e) { failure = e; }
        }

        public override void Tell()
        {
            Unwatch();
            if (failure is null) Done.TrySetResult(result!);
            else Done.TrySetException(failure);
        }

        public override void GiveUp(string why)
        {
            Stop();
            Unwatch();
            Done.TrySetException(new TimeoutException(why));
        }

        public override void Cancel(CancellationToken token)
        {
            Stop();
            Done.TrySetCanceled(token);
        }
    }
}
