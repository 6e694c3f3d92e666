using Clinker.Drivers;
using Xunit;

namespace Clinker.Tests.Operations;

public sealed class ContentTests
{
    const int Piece = 4 << 20;
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory, InlineData(true), InlineData(false)]
    public async Task All_pieces_of_data_come_in_their_order_and_holes_do_not(bool aligned)
    {
        await using var content = new Disk(5 * Piece + 10, (1000, 3), (3L * Piece - 1, 2), (5L * Piece, 10));
        var seen = new List<(long, int)>();
        await foreach (var (offset, buffer, length) in content.Pieces(Piece, aligned, Token))
        {
            seen.Add((offset, length));
            Assert.Equal(content.Bytes(offset, length), buffer[..length]);
        }
        Assert.Equal(aligned ? [(0, Piece), (2 * Piece, Piece), (3 * Piece, Piece), (5 * Piece, 10)] : [(1000, Piece), (3 * Piece - 1, Piece), (5 * Piece, 10)], seen);
    }

    [Fact]
    public async Task The_next_piece_is_read_while_one_is_written_and_none_beside_it()
    {
        await using var content = new Disk(3 * Piece, (0, 3 * Piece));
        var (begun, go) = (new List<int>(), new TaskCompletionSource());
        var copy = content.Copy()(async (_, _) =>
        {
            begun.Add(content.Begun);
            await go.Task;
        }, Token);
        Assert.Equal([2], begun);
        go.SetResult();
        await copy;
        Assert.Equal([2, 3, 3], begun);
        Assert.True(content.IsClosed);
    }

    /// <summary>Its files are closed then: whoever would read on would read another's.</summary>
    [Fact]
    public async Task A_copy_that_could_not_be_written_ends_when_nobody_reads_for_it_any_more()
    {
        await using var content = new Disk(3 * Piece, (0, 3 * Piece)) { HoldsFrom = Piece };
        var copy = content.Copy()((_, _) => throw new IOException("no"), Token);
        Assert.False(copy.IsCompleted);
        content.Holds.SetResult();
        await Assert.ThrowsAsync<IOException>(() => copy);
        Assert.Equal((2, false), (content.Begun, content.IsClosed));
    }

    /// <summary>A disk of zeroes with runs of ones; never for two at once.</summary>
    sealed class Disk(long length, params (long Offset, int Length)[] data) : Content
    {
        bool isRead;

        public int Begun { get; private set; }
        public bool IsClosed { get; private set; }
        public TaskCompletionSource Holds { get; } = new();
        public long HoldsFrom { get; init; } = long.MaxValue;

        public override long Length => length;

        public byte[] Bytes(long offset, int count)
        {
            var bytes = new byte[count];
            foreach (var run in data)
            {
                var (from, to) = (Math.Max(run.Offset, offset), Math.Min(run.Offset + run.Length, offset + count));
                if (from < to) bytes.AsSpan((int)(from - offset), (int)(to - from)).Fill(1);
            }
            return bytes;
        }

        public override ValueTask<long?> NextData(long offset)
        {
            Assert.False(isRead);
            return new(data.Where(r => r.Offset + r.Length > offset).Select(r => (long?)Math.Max(r.Offset, offset)).FirstOrDefault());
        }

        public override async ValueTask Read(long offset, Memory<byte> into)
        {
            Assert.False(isRead);
            (isRead, Begun) = (true, Begun + 1);
            if (offset >= HoldsFrom) await Holds.Task;
            Bytes(offset, into.Length).CopyTo(into);
            isRead = false;
        }

        public override ValueTask Close()
        {
            Assert.False(isRead);
            IsClosed = true;
            return ValueTask.CompletedTask;
        }
    }
}
