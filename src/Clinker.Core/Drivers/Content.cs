using System.Buffers;
using System.Runtime.CompilerServices;

namespace Clinker.Drivers;

/// <summary>
/// What is in a volume or a snapshot, as whoever has it attached would read it. For one reader at a time; every call may be
/// repeated, throws what verbs of <see cref="Driver"/> throw, and ends when the work's token does.
/// </summary>
public abstract class Content : IAsyncDisposable
{
    /// <summary>Its size in bytes.</summary>
    public abstract long Length { get; }

    /// <summary>About how many bytes of that may be other than zero, as far as it is known without reading them.</summary>
    public virtual long DataBytes => Length;

    /// <summary>The first byte at or behind an offset that may be other than zero; null when only zeroes follow. Holes are never read.</summary>
    public abstract ValueTask<long?> NextData(long offset);

    /// <summary>Reads all that the buffer has room for; what lies behind the end are zeroes.</summary>
    public abstract ValueTask Read(long offset, Memory<byte> into);

    /// <summary>To be awaited after the last read, before anybody trusts in what was read: that it was one moment's.</summary>
    /// <exception cref="Operations.FaultException">DriverFailed: it was written to meanwhile.</exception>
    public virtual ValueTask Close() => ValueTask.CompletedTask;

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// All that may be other than zero, in the order of offsets, while the next piece is being read. Each has a buffer of its own,
    /// rented from the shared pool: who is done with it may give it back.
    /// </summary>
    /// <param name="bytes">How many a piece has; the last one ends where this does.</param>
    /// <param name="aligned">Each begins at a multiple of that, otherwise where data begins.</param>
    public async IAsyncEnumerable<(long Offset, byte[] Buffer, int Length)> Pieces(int bytes, bool aligned, [EnumeratorCancellation] CancellationToken token)
    {
        var reading = Next(0);
        try
        {
            while (await reading is { } piece)
            {
                token.ThrowIfCancellationRequested();
                reading = Next(piece.Offset + piece.Length);
                yield return piece;
            }
        }
        finally { await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); } // nobody reads when this has ended

        async Task<(long Offset, byte[] Buffer, int Length)?> Next(long from)
        {
            if (await NextData(from) is not { } data || data >= Length) return null;
            var offset = aligned ? data - data % bytes : data;
            var (buffer, length) = (ArrayPool<byte>.Shared.Rent(bytes), (int)Math.Min(bytes, Length - offset));
            await Read(offset, buffer.AsMemory(0, length));
            return (offset, buffer, length);
        }
    }

    /// <summary>A <see cref="Fill"/> with this, pieces of zeroes left out.</summary>
    public Fill Copy(Progress? progress = null) => async (write, token) =>
    {
        progress?.Begin(DataBytes);
        await foreach (var (offset, buffer, length) in Pieces(PieceBytes, aligned: false, token))
        {
            var piece = buffer.AsMemory(0, length);
            if (piece.Span.ContainsAnyExcept((byte)0)) await write(offset, piece);
            ArrayPool<byte>.Shared.Return(buffer); // not when it has failed: an act that was given up may still read it
            progress?.Did(length);
        }
        await Close();
        progress?.Whole();
    };

    const int PieceBytes = 4 * 1024 * 1024;
}

/// <summary>
/// Writes what a volume is to hold, from the beginning: where it writes nothing are zeroes. It may be called anew, after a failure,
/// for a file that is empty again. It throws when it can't give all: then nothing is published. One whose disk has a size of its own ends
/// with a write of nothing at its end.
/// </summary>
public delegate Task Fill(WriteAt write, CancellationToken token);

/// <summary>Writes bytes at an offset of the volume. When it has thrown, the fill is over.</summary>
/// <exception cref="Operations.FaultException">DriverFailed: behind the volume's end; and what storage says.</exception>
public delegate ValueTask WriteAt(long offset, ReadOnlyMemory<byte> bytes);
