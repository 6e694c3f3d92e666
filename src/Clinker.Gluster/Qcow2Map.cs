using System.Buffers.Binary;
using System.Collections;
using Clinker.Formats;
using Clinker.Gluster.Native;
using Microsoft.Win32.SafeHandles;

namespace Clinker.Gluster;

/// <summary>
/// Which part of an image's file holds which part of its disk (docs/interop/qcow2.txt of QEMU). Only for images in which data is
/// plain, neither encrypted nor compressed, and lies in their own file or in one under it. Remembers nothing of the file but its header and the
/// table it looked into last; that of an image that somebody has open may be stale. Blocks: lane threads only.
/// </summary>
internal sealed class Qcow2Map
{
    const ulong OffsetMask = 0x00ff_ffff_ffff_fe00, Compressed = 1UL << 62, ReadsAsZero = 1;
    /// <summary>The kind of compression, as there is none.</summary>
    const ulong HarmlessFeatures = Qcow2Header.Dirty | Qcow2Header.Compression;

    readonly int clusterBits;
    readonly ulong[] tables;
    readonly ulong[] table;
    long tableAt = -1;

    /// <exception cref="InvalidDataException">It is none that can be read so; the message says why.</exception>
    public Qcow2Map(SafeFileHandle file)
    {
        if (Qcow2Header.Read(VolumeFiles.Bytes(file)) is not { } header) throw new InvalidDataException("is no qcow2 image");
        if (header.HasDataFile) throw new InvalidDataException("is a qcow2 image that needs other files");
        if ((header.Features & ~HarmlessFeatures) != 0)
            throw new InvalidDataException($"is a qcow2 image with features that can't be read here (0x{header.Features:x})");
        if (header.Broken is { } why) throw new InvalidDataException($"is a qcow2 image that can't be read: {why}");
        clusterBits = (int)header.ClusterBits;
        Bytes = header.Bytes;
        tables = Numbers(file, (long)header.TablesAt, (int)header.Tables);
        table = new ulong[1 << (clusterBits - 3)];
    }

    /// <summary>The size of the disk in it.</summary>
    public long Bytes { get; }

    /// <summary>How many bytes of the disk have a place of their own.</summary>
    public long Cluster => 1L << clusterBits;

    /// <summary>How many tables say where, and of how many clusters each does.</summary>
    public int Tables => tables.Length;
    /// <inheritdoc cref="Tables"/>
    public int PerTable => table.Length;

    /// <summary>Where in the file a part of the disk lies.</summary>
    /// <param name="Host">Null: nowhere.</param>
    /// <param name="Length">Of what lies there in one piece, from the asked offset on.</param>
    /// <param name="IsBelow">It is what the file under it has; where there is none, and otherwise without a place, it reads as zeroes.</param>
    public readonly record struct Run(long? Host, long Length, bool IsBelow = false);

    /// <summary>Whether nothing at all was ever written to it.</summary>
    public bool IsEmpty => Array.TrueForAll(tables, t => (t & OffsetMask) == 0);

    /// <summary>What holds the disk from an offset on, as far as that is of one kind and in one piece, within one table.</summary>
    /// <exception cref="InvalidDataException">The image is broken, or compressed there.</exception>
    public Run At(SafeFileHandle file, long offset)
    {
        var perTable = 1L << (2 * clusterBits - 3);
        var (index, cluster) = ((int)(offset / perTable), 1L << clusterBits);
        var left = Math.Min(Bytes, (index + 1) * perTable) - offset;
        var at = (long)(tables[index] & OffsetMask);
        if (at == 0) return new(null, left, IsBelow: true);
        if (tableAt != at)
        {
            Numbers(file, at, table.Length).CopyTo(table, 0);
            tableAt = at;
        }
        var first = (int)(offset % perTable >> clusterBits);
        var (host, below) = Entry(table[first]);
        var length = cluster - offset % cluster;
        for (var i = first + 1; i < table.Length && length < left && Entry(table[i]) == (host is { } h ? h + ((long)(i - first) << clusterBits) : null, below); i++)
            length += cluster;
        return new(host + offset % cluster, Math.Min(length, left), below);
    }

    /// <summary>Notes of clusters that have a place in the file that they read as zeroes: that place keeps for what is written later on.</summary>
    /// <param name="but">Those of which that is not so, by their number in the table; null: all.</param>
    public void Blank(SafeFileHandle file, int index, BitArray? but)
    {
        var at = (long)(tables[index] & OffsetMask);
        if (at == 0) return;
        var bytes = new byte[table.Length * sizeof(ulong)];
        Numbers(file, at, table.Length).CopyTo(table, 0);
        tableAt = at;
        for (var i = 0; i < table.Length; i++)
        {
            if ((table[i] & OffsetMask) != 0 && but?[i] != true) table[i] |= ReadsAsZero;
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)), table[i]);
        }
        Libc.Write(file, bytes, at);
    }

    static (long? Host, bool IsBelow) Entry(ulong entry)
    {
        if ((entry & Compressed) != 0) throw new InvalidDataException("is a qcow2 image with compressed parts: convert it with qemu-img first");
        return (entry & ReadsAsZero) != 0 ? (null, false) : (entry & OffsetMask) == 0 ? (null, true) : ((long)(entry & OffsetMask), false);
    }

    static ulong[] Numbers(SafeFileHandle file, long at, int count)
    {
        var bytes = new byte[count * sizeof(ulong)];
        if (Libc.ReadAll(file, bytes, at) < bytes.Length) throw new InvalidDataException("is a qcow2 image that ends within its tables");
        var numbers = new ulong[count];
        for (var i = 0; i < count; i++) numbers[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)));
        return numbers;
    }
}
