using System.Buffers;
using System.Diagnostics.Metrics;
using System.Threading.Channels;

namespace Clinker.Server.Seeing;

/// <summary>
/// The audit log: a file of its own, one JSON object a line (<see cref="AuditEvent"/>). Whoever puts a line waits for no disk: one thread
/// writes. What can't be written, or comes faster than it can, is counted (<c>clinker.audit.lost</c>) and told in the log; requests go on.
/// </summary>
sealed partial class AuditLog : IDisposable
{
    /// <summary>How many lines may wait.</summary>
    const int Capacity = 16384;

    /// <summary>How many go with one call.</summary>
    const int AtOnce = 512;

    readonly Channel<ReadOnlyMemory<byte>> waiting = Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    readonly LogFile file;
    readonly ILogger log;
    readonly Counter<long> lost;
    readonly Thread writer;
    long refused;

    /// <exception cref="IOException">It can't be opened; says which file and why.</exception>
    public AuditLog(string path, TimeProvider time, Meter meter, ILogger log)
    {
        this.log = log;
        file = new(path, time, "[audit] log_file");
        lost = meter.CreateCounter<long>("clinker.audit.lost", description: "Audit events that could not be written.");
        writer = new Thread(Write) { IsBackground = true, Name = "audit" };
        writer.Start();
    }

    /// <param name="line">With its end.</param>
    public void Put(ReadOnlyMemory<byte> line)
    {
        if (!waiting.Writer.TryWrite(line)) Interlocked.Increment(ref refused);
    }

    void Write()
    {
        var broken = false;
        // On a thread of its own, since a file may hang: it may wait.
        while (waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            var lines = 0;
            while (lines < AtOnce && waiting.Reader.TryRead(out var line))
            {
                file.Pending.Write(line.Span);
                lines++;
            }
            var why = file.Flush(reopen: false);
            if (why is null && broken) Log.Written(log, file.Path);
            if (why is not null)
            {
                lost.Add(lines);
                if (!broken) Log.Broken(log, file.Path, why);
            }
            broken = why is not null;
            if (Interlocked.Exchange(ref refused, 0) is > 0 and var many)
            {
                lost.Add(many);
                Log.Behind(log, many, file.Path);
            }
        }
    }

    /// <summary>Writes what waits, for two seconds at most.</summary>
    public void Dispose()
    {
        waiting.Writer.TryComplete();
        if (writer.Join(TimeSpan.FromSeconds(2))) file.Dispose();
    }

    static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Error, Message = "{Count} audit events were not written to {Path}: more came than could be written")]
        public static partial void Behind(ILogger log, long count, string path);

        [LoggerMessage(Level = LogLevel.Error, Message = "Audit events are lost: {Path} can't be written: {Why}")]
        public static partial void Broken(ILogger log, string path, string why);

        [LoggerMessage(Level = LogLevel.Information, Message = "Audit events are written to {Path} again")]
        public static partial void Written(ILogger log, string path);
    }
}
