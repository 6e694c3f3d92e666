using System.Buffers.Binary;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>
/// Where guests write: blocks in some of a disk's clusters, several in each, so that a part of a cluster is new and the rest lies in a file under it.
/// What is in each is a number, over and over; 0: nothing was written there, or zeroes were.
/// </summary>
static class Places
{
    public const int BlockBytes = 4096, PerCluster = 8, PerGb = 64 * PerCluster;
    const int ClusterBytes = 65536, ClustersPerGb = (1 << 30) / ClusterBytes, Between = (ClustersPerGb - 1) / (PerGb / PerCluster - 1);

    /// <summary>Every other block of the cluster is never written to.</summary>
    public static long Offset(int place) => ClusterAt(place) + place % PerCluster * 2L * BlockBytes;

    public static long ClusterAt(int place) =>
        (place / PerGb * (long)ClustersPerGb + (place % PerGb / PerCluster == PerGb / PerCluster - 1 ? ClustersPerGb - 1 : place % PerGb / PerCluster * (long)Between)) * ClusterBytes;

    public const int WholeCluster = ClusterBytes;

    public static byte[] Block(long value)
    {
        var bytes = new byte[BlockBytes];
        for (var i = 0; i < bytes.Length; i += 8) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i), value);
        return bytes;
    }

    /// <summary>What is in a block, which is the same all over.</summary>
    public static long Value(ReadOnlySpan<byte> block, string what)
    {
        var value = BinaryPrimitives.ReadInt64LittleEndian(block);
        for (var i = 8; i < block.Length; i += 8)
            Assert.True(BinaryPrimitives.ReadInt64LittleEndian(block[i..]) == value, $"{what}: a block is {value}, and from byte {i} on {BinaryPrimitives.ReadInt64LittleEndian(block[i..])}");
        return value;
    }

    /// <summary>All that is in a disk, read beside whoever has its files open; there is nothing where nobody writes.</summary>
    /// <param name="path">Of its topmost file.</param>
    /// <param name="scratch">A folder.</param>
    public static async Task<long[]> Read(string path, string format, string scratch, string what)
    {
        var written = new Dictionary<long, long>();
        var bytes = await SharedDisk.Blocks(path, format, scratch, isInUse: true, (at, block) =>
        {
            if (Value(block, what) is var value and not 0) written[at] = value;
        });
        Assert.Equal(0, bytes % (1 << 30));
        var found = new long[bytes / (1 << 30) * PerGb];
        for (var place = 0; place < found.Length; place++)
            if (written.Remove(Offset(place), out var value)) found[place] = value;
        foreach (var (at, value) in written) Assert.Fail($"{what}: {value} at {at}, where nobody has written");
        return found;
    }

    public static void Same(long[] wanted, long[] found, string what)
    {
        Assert.True(wanted.Length == found.Length, $"{what}: {found.Length / PerGb} GiB, not {wanted.Length / PerGb}");
        var differ = Enumerable.Range(0, wanted.Length).Where(p => wanted[p] != found[p]).ToList();
        Assert.True(differ.Count == 0, $"{what}: {differ.Count} blocks differ: " + string.Join(", ", differ.Take(10).Select(p => $"{p}: {wanted[p]} became {found[p]}")));
    }
}
