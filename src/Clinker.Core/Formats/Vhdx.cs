using static System.Buffers.Binary.BinaryPrimitives;

namespace Clinker.Formats;

/// <summary>[MS-VHDX]; all numbers little-endian. A table of regions says where the metadata are, and a table there where each of them is.</summary>
internal static class Vhdx
{
    const int RegionsAt = 192 * 1024, TableBytes = 64 * 1024, Entry = 32, MostEntries = TableBytes / Entry - 1;

    static readonly Guid Metadata = new("8b7ca206-4790-4b9a-b8fe-575f050f886e"), FileParameters = new("caa16737-fa36-4d43-b3b6-33f0aa44e76b"),
        DiskSize = new("2fa54224-cd1b-4876-b211-5dbed83bf4b8"), ParentLocator = new("a8d35f2d-b30b-454d-abf7-d3d84834ab0c");

    public static DiskImage Look(DiskBytes image)
    {
        const uint hasParent = 2;
        var regions = image.At(RegionsAt, TableBytes);
        if (!regions.AsSpan().StartsWith("regi"u8) || Entries(regions, 16, ReadUInt32LittleEndian(regions.AsSpan(8)), Metadata) is not [var region])
            return Wrong("its regions");
        var start = ReadInt64LittleEndian(regions.AsSpan(region + 16));
        if (start < 0 || start > image.Length - TableBytes) return Wrong("its metadata");
        var metadata = image.At(start, TableBytes);
        List<int> Items(Guid id) => Entries(metadata, Entry, ReadUInt16LittleEndian(metadata.AsSpan(10)), id);
        if (!metadata.AsSpan().StartsWith("metadata"u8) || Items(DiskSize) is not [var size] || Items(FileParameters) is not [var parameters])
            return Wrong("its metadata");
        byte[] Item(int entry) => image.At(start + ReadUInt32LittleEndian(metadata.AsSpan(entry + 16)), 8);
        var bytes = ReadInt64LittleEndian(Item(size));
        return new("vhdx", Math.Max(bytes, 0),
            (ReadUInt32LittleEndian(Item(parameters).AsSpan(4)) & hasParent) != 0 || Items(ParentLocator).Count > 0 ? "it has a parent"
            : bytes < 0 ? "its size is none" : null);

        static DiskImage Wrong(string what) => new("vhdx", 0, $"{what} are not where they should be");
    }

    /// <summary>Where in a table those of an id are.</summary>
    static List<int> Entries(ReadOnlySpan<byte> table, int first, uint count, Guid id)
    {
        var found = new List<int>();
        for (var i = 0; i < Math.Min(count, MostEntries); i++)
            if (new Guid(table.Slice(first + i * Entry, 16)) == id) found.Add(first + i * Entry);
        return found;
    }
}
