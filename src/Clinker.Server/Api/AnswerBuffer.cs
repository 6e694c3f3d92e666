using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;

namespace Clinker.Server.Api;

/// <summary>
/// An answer while it is being written, in pieces from the pool: nothing is copied when it grows, its length is known before
/// the first byte leaves, and one that fails half-way is still a clean 500.
/// </summary>
sealed class AnswerBuffer : IBufferWriter<byte>, IDisposable
{
    /// <summary>Below the size from which arrays live in the large object heap.</summary>
    const int PieceBytes = 64 * 1024;

    readonly List<(byte[] Array, int Length)> full = [];
    byte[] current = [];
    int used;

    public long Length { get; private set; }

    public void Advance(int count)
    {
        used += count;
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return current.AsMemory(used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return current.AsSpan(used);
    }

    /// <summary>Forgets what was written: something else is to be said.</summary>
    public void Clear()
    {
        Dispose();
        used = 0;
        Length = 0;
    }

    public void CopyTo(PipeWriter to)
    {
        foreach (var (array, length) in full) Copy(array.AsSpan(0, length), to);
        Copy(current.AsSpan(0, used), to);
    }

    // As BuffersExtensions.Write does, which takes no room for a defect: but it is what a connection has that has ended meanwhile, if none is asked for.
    static void Copy(ReadOnlySpan<byte> bytes, PipeWriter to)
    {
        while (bytes.Length > 0)
        {
            var room = to.GetSpan(1);
            var count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            to.Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <summary>All that is written.</summary>
    public byte[] ToArray()
    {
        var all = new byte[Length];
        var at = 0;
        foreach (var (array, length) in full)
        {
            array.AsSpan(0, length).CopyTo(all.AsSpan(at));
            at += length;
        }
        current.AsSpan(0, used).CopyTo(all.AsSpan(at));
        return all;
    }

    /// <summary>The MD5 of what is written, in hexadecimal: an entity tag, not a secret.</summary>
    public string Md5()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        foreach (var (array, length) in full) hash.AppendData(array, 0, length);
        hash.AppendData(current, 0, used);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    void Reserve(int sizeHint)
    {
        if (current.Length - used >= Math.Max(sizeHint, 1)) return;
        if (used > 0) full.Add((current, used));
        else if (current.Length > 0) ArrayPool<byte>.Shared.Return(current);
        current = ArrayPool<byte>.Shared.Rent(full.Count == 0 && sizeHint <= 4096 ? 4096 : Math.Max(sizeHint, PieceBytes));
        used = 0;
    }

    public void Dispose()
    {
        foreach (var (array, _) in full) ArrayPool<byte>.Shared.Return(array);
        if (current.Length > 0) ArrayPool<byte>.Shared.Return(current);
        full.Clear();
        current = [];
    }
}
