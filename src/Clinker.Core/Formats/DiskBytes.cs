using Microsoft.Win32.SafeHandles;

namespace Clinker.Formats;

/// <summary>Reads at an offset until the buffer is full or the file at its end; how many bytes.</summary>
public delegate int ReadAt(Span<byte> into, long offset);

/// <summary>The bytes of an image that is looked at. Whatever they say, few of them are ever asked for: see <see cref="DiskImage.Look"/>.</summary>
/// <param name="Length">Of the file.</param>
/// <param name="Read">Throws what reading the file throws.</param>
public sealed record DiskBytes(long Length, ReadAt Read)
{
    /// <summary>Those of a local file.</summary>
    public static DiskBytes Of(SafeFileHandle file) => new(RandomAccess.GetLength(file), (into, offset) =>
    {
        var read = 0;
        while (read < into.Length && RandomAccess.Read(file, into[read..], offset + read) is > 0 and var n) read += n;
        return read;
    });

    /// <summary>Some of them; zeroes where the file has none.</summary>
    internal byte[] At(long offset, int count)
    {
        var bytes = new byte[count];
        if (offset >= 0 && offset < Length) Read(bytes.AsSpan(0, (int)Math.Min(count, Length - offset)), offset);
        return bytes;
    }
}
