using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;

namespace Clinker.Backups;

/// <summary>
/// What a backup consists of: the object that is written last, and without which there is no backup (docs/backup-format.md). A format:
/// indexes of old are read by new code.
/// </summary>
sealed record BackupIndex
{
    public const string Name = "index";
    public const int Newest = 1;
    /// <summary>The longest that is read: that of a full volume of some TiB.</summary>
    internal const int MostBytes = 1024 * 1024 * 1024;
    /// <summary>What the words and hashes of a chunk take in the index at least.</summary>
    const int LeastChunkText = 200;
    const int MostChunkBytes = 64 * 1024 * 1024;

    public required int Version { get; init; }
    public required string Id { get; init; }
    public required string VolumeId { get; init; }
    public string? ParentId { get; init; }
    public required int SizeGb { get; init; }
    /// <summary>Of the volume, in bytes.</summary>
    public required long Length { get; init; }
    public required int ChunkBytes { get; init; }
    public bool Bootable { get; init; }
    public IReadOnlyDictionary<string, string> ImageMetadata { get; init; } = Volume.EmptyMetadata;
    public IReadOnlyDictionary<string, string> VolumeMetadata { get; init; } = Volume.EmptyMetadata;
    /// <summary>In the order of their offsets; what none holds are zeroes.</summary>
    public required IReadOnlyList<BackupChunk> Chunks { get; init; }

    /// <summary>Reads a backup's index, which must be the one that its row remembers.</summary>
    /// <exception cref="FaultException">DriverFailed: it is not there, or not that one.</exception>
    public static async Task<BackupIndex> Read(BackupStore store, Backup backup, CancellationToken token)
    {
        var name = new ObjectName(backup.Place, Name);
        var bytes = await store.Get(name, MostBytes, token) ?? throw Damaged(name, "is not there");
        if (Hash(bytes) != backup.IndexSha256) throw Damaged(name, "is not the one that was written");
        BackupIndex? index;
        try { index = JsonSerializer.Deserialize(bytes, BackupJson.Default.BackupIndex); }
        catch (JsonException e) { throw Damaged(name, $"can't be read: {e.Message}"); }
        if (index?.Version != Newest) throw Damaged(name, $"is of version {index?.Version}, this program reads {Newest}");
        if ((index.Id, index.VolumeId, index.ParentId, index.SizeGb) != (backup.Place.BackupId, backup.VolumeId, backup.ParentId, backup.SizeGb))
            throw Damaged(name, "is another backup's");
        return index.IsSound ? index : throw Damaged(name, "does not make sense");
    }

    bool IsSound
    {
        get
        {
            if (Length < 0 || Length > SizeGb * (1L << 30) || ChunkBytes is <= 0 or > MostChunkBytes) return false;
            var behind = 0L;
            foreach (var chunk in Chunks)
            {
                if (chunk.Offset < behind || chunk.Length is <= 0 || chunk.Length > ChunkBytes || chunk.Offset > Length - chunk.Length) return false;
                if (!BackupChunk.Compressions.Contains(chunk.Compression) || ObjectName.Parse(chunk.Object) is null) return false;
                behind = chunk.Offset + chunk.Length;
            }
            return true;
        }
    }

    /// <summary>Writes it; gives its SHA-256.</summary>
    /// <exception cref="FaultException">DriverFailed: it is longer than what is read.</exception>
    public async Task<string> Write(BackupStore store, BackupPlace place, Work work)
    {
        var bytes = Chunks.Count > MostBytes / LeastChunkText ? null : JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupIndex);
        if (bytes is null || bytes.Length > MostBytes)
            throw new Fault.DriverFailed("write the backup", $"its index of {Chunks.Count} chunks is longer than the {MostBytes} bytes that can be read again: use larger chunks, or a shorter name for the container.").Thrown();
        await store.Put(new(place, Name), bytes, work);
        return Hash(bytes);
    }

    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The fault for an object that is not what it is to be.</summary>
    public static FaultException Damaged(ObjectName name, string how) =>
        new Fault.DriverFailed("read the backup", $"its object {name} {how}.").Thrown();
}

/// <summary>A piece of a volume, and the object that holds it: the backup's own, or one of those that it is an increment of.</summary>
/// <param name="Offset">In the volume: a multiple of the index' chunk size.</param>
/// <param name="Length">Before it was compressed.</param>
/// <param name="Sha256">Likewise, in lower-case hexadecimal digits.</param>
/// <param name="Object"><c>container/backup id/name</c>.</param>
/// <param name="Compression"><see cref="Plain"/>, <see cref="Zlib"/> (RFC 1950) or <see cref="Zstd"/> (RFC 8878).</param>
sealed record BackupChunk(long Offset, int Length, string Sha256, string Object, string Compression)
{
    public const string Plain = "none", Zlib = "zlib", Zstd = "zstd";
    public static readonly string[] Compressions = [Plain, Zlib, Zstd];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BackupIndex))]
[JsonSerializable(typeof(BackupRecord))]
[JsonSerializable(typeof(CinderMetadata))]
[JsonSerializable(typeof(CinderVolumeMeta))]
sealed partial class BackupJson : JsonSerializerContext;
