namespace Clinker.Host;

/// <summary>Work that runs beside its starter; whoever starts it keeps the task and awaits it at the end.</summary>
public static class Background
{
    /// <summary>Starts <paramref name="work"/> on the thread pool.</summary>
    public static Task Start(Func<Task> work)
    {
#pragma warning disable RS0030 // the one place that may
        return Task.Run(work);
#pragma warning restore RS0030
    }

    /// <summary>
    /// Runs a call that may block for as long as a dead mount likes on a thread of its own, and stops waiting for it at
    /// <paramref name="deadline"/>: the thread pool never starves, and the thread ends when the kernel lets go of it.
    /// </summary>
    /// <exception cref="TimeoutException">The call had not come back at the deadline. It may still take effect later.</exception>
    public static Task<T> Blocking<T>(Func<T> call, TimeSpan deadline, string name, CancellationToken token = default)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try { done.TrySetResult(call()); }
            catch (Exception e) { done.TrySetException(e); }
        })
        { IsBackground = true, Name = name };
        thread.Start();
        return done.Task.WaitAsync(deadline, token);
    }
}
