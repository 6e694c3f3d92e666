using System.Diagnostics;

namespace Clinker.Bench;

/// <summary>Ways to ask.</summary>
static class Load
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>One request after the other on one connection; ms for each.</summary>
    public static double[] Alone(int port, byte[] request, int count, int status = 200)
    {
        using var client = new Client(port);
        client.Ask(request).Must(status);
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            client.Ask(request).Must(status);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
        return times;
    }

    /// <summary>
    /// So many clients, each with a connection and a thread of its own, each asking again as soon as it is answered; requests per
    /// second. Blocking threads cost the generator less processor time per request than the runtime's socket events.
    /// </summary>
    /// <param name="next">The next request; null when it is enough. Called by all threads.</param>
    /// <param name="answered">Told of each answer, by all threads.</param>
    public static double Together(int port, int clients, Func<byte[]?> next, int status, AnswerTo? answered = null)
    {
        Exception? failure = null;
        var count = 0;
        using var ready = new Barrier(clients + 1);
        var threads = Enumerable.Range(0, clients).Select(_ => new Thread(() =>
        {
            try
            {
                using var client = new Client(port);
                ready.SignalAndWait();
                var mine = 0;
                for (; next() is { } request; mine++)
                {
                    var answer = client.Ask(request).Must(status);
                    answered?.Invoke(answer);
                }
                Interlocked.Add(ref count, mine);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }, 256 * 1024) { IsBackground = true }).ToList();
        foreach (var thread in threads) thread.Start();
        if (!ready.SignalAndWait(TimeSpan.FromSeconds(20))) throw failure ?? new TimeoutException("The clients could not connect.");
        var began = Stopwatch.GetTimestamp();
        foreach (var thread in threads) thread.Join();
        if (failure is not null) throw new InvalidDataException(failure.Message, failure);
        return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>
    /// Asks until the answer is as it should be, every millisecond; what takes long is asked for less often, so that the asking does not take the
    /// cores from it. The time of the answers to this is in every wait, and as much as a hundredth more.
    /// </summary>
    public static void Until(Client client, byte[] request, AnswerIs wanted)
    {
        for (var began = Stopwatch.GetTimestamp(); !wanted(client.Ask(request));)
        {
            var waited = Stopwatch.GetElapsedTime(began);
            if (waited > Patience) throw new TimeoutException($"Not after {Patience.TotalSeconds} s.");
            client.Pause(TimeSpan.FromMilliseconds(Math.Max(1, waited.TotalMilliseconds / 100)));
        }
    }

    public delegate bool AnswerIs(Answer answer);

    public delegate void AnswerTo(Answer answer);
}
