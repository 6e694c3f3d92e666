using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;
using static Clinker.Gluster.Native.Libc;

namespace Clinker.Gluster;

/// <summary>
/// A file's way into another, a piece at a time: each piece is an act on the storage with a deadline of its own. Plain reads and
/// writes: copy_file_range loses data on GlusterFS. What is a hole, or zeroes, is left a hole. Not for use once a piece has failed:
/// an act past its deadline may still hold the buffer.
/// </summary>
/// <param name="bytes">The size of the file that is read.</param>
/// <param name="dense">Every byte is written, so that the room is taken where there is no fallocate.</param>
internal sealed class FileCopy(long bytes, bool dense)
{
    const int PieceBytes = 8 * 1024 * 1024;
    /// <summary>What is looked at for whether it is all zeroes.</summary>
    const int Block = 64 * 1024;
    /// <summary>A file that is more hole than data is read in pieces that take no longer than others.</summary>
    const int MostExtents = 512;
    /// <summary>So much is left to a later fsync, which has but one deadline.</summary>
    public const long UnsyncedBytes = 64L * 1024 * 1024;

    readonly byte[] buffer = new byte[PieceBytes];
    readonly List<(long Offset, int Start, int Length)> extents = [];
    long at, unsynced;

    public bool Over => at >= bytes;

    /// <summary>How much was read last: holes not counted.</summary>
    public long LastBytes { get; private set; }

    /// <summary>Reads the next piece.</summary>
    /// <exception cref="EndOfStreamException">The file became shorter.</exception>
    public void Read(SafeFileHandle from)
    {
        extents.Clear();
        LastBytes = 0;
        for (var used = 0; used < buffer.Length && extents.Count < MostExtents && Data(from) is var (data, end) && data < bytes;)
        {
            var n = Libc.Read(from, buffer.AsSpan(used, (int)Math.Min(buffer.Length - used, end - data)), data);
            if (n == 0) throw new EndOfStreamException();
            for (var i = 0; i < n; i += Block) Take(data + i, used + i, Math.Min(Block, n - i));
            LastBytes = used += n;
            at = data + n;
        }
    }

    /// <summary>Writes what was read last, and once that has become much sees that it is durable.</summary>
    public void Write(FileDriver.WorkFile to)
    {
        foreach (var (offset, start, length) in extents)
        {
            to.Write(buffer.AsSpan(start, length), offset);
            unsynced += length;
        }
        if (unsynced < UnsyncedBytes) return;
        to.Sync();
        unsynced = 0;
    }

    (long From, long End) Data(SafeFileHandle from)
    {
        if (dense || Over) return (at, bytes);
        try
        {
            var data = NextData(from, at);
            if (data < 0 || data >= bytes) return (at = bytes, bytes);
            return (data, Math.Min(NextHole(from, data), bytes));
        }
        catch (ErrnoException e) when (e.Errno is Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EINVAL) { return (at, bytes); }
    }

    void Take(long offset, int start, int length)
    {
        if (!dense && !buffer.AsSpan(start, length).ContainsAnyExcept((byte)0)) return;
        if (extents.Count > 0 && extents[^1] is var last && last.Offset + last.Length == offset && last.Start + last.Length == start)
            extents[^1] = last with { Length = last.Length + length };
        else extents.Add((offset, start, length));
    }
}
