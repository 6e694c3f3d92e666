using System.IO.Compression;
using Clinker.Drivers;
using Clinker.Operations;

namespace Clinker.Backups;

/// <summary>What was written of a backup.</summary>
/// <param name="Sha256">Of its index.</param>
public sealed record Saved(int Objects, string Sha256);

/// <summary>
/// The way of bytes into a backup and out of it. In: chunk by chunk in the order of offsets, zeroes left out, those that are as they were
/// in the parent only named; the index last, so that whatever ends before leaves objects of no backup, which the next try replaces and the
/// undo removes. Out: each chunk is what was read once, by its length and its SHA-256, or there is a fault and the volume keeps what it had.
/// </summary>
static class BackupCopy
{
    /// <param name="progress">Told now and then how many objects there are.</param>
    public static async Task<Saved> Save(
        BackupStore store, Backup backup, BackupPlace place, Content content, BackupIndex? parent, Func<int, Task> progress, Work work)
    {
        var known = parent is not null && parent.ChunkBytes == store.ChunkBytes ? parent.Chunks.ToDictionary(c => c.Offset) : [];
        var chunks = new List<BackupChunk>();
        var objects = 0;
        var buffer = new byte[store.ChunkBytes];
        for (var at = await content.NextData(0); at is { } data && data < content.Length;)
        {
            work.Token.ThrowIfCancellationRequested();
            var offset = data - data % store.ChunkBytes;
            var piece = buffer.AsMemory(0, (int)Math.Min(store.ChunkBytes, content.Length - offset));
            await content.Read(offset, piece);
            if (piece.Span.ContainsAnyExcept((byte)0))
            {
                var sha256 = BackupIndex.Hash(piece.Span);
                if (known.TryGetValue(offset, out var before) && before.Length == piece.Length && before.Sha256 == sha256) chunks.Add(before);
                else
                {
                    var name = new ObjectName(place, $"{offset / store.ChunkBytes:d10}");
                    var (bytes, compression) = Packed(piece, store.Compress);
                    await store.Put(name, bytes, work);
                    chunks.Add(new(offset, piece.Length, sha256, name.ToString(), compression));
                    if (++objects % ObjectsPerProgress == 0) await progress(objects);
                }
            }
            at = await content.NextData(offset + piece.Length);
        }
        await content.Close();
        var index = new BackupIndex
        {
            Version = BackupIndex.Newest,
            Id = backup.Id,
            VolumeId = backup.VolumeId,
            ParentId = backup.ParentId,
            SizeGb = backup.SizeGb,
            Length = content.Length,
            ChunkBytes = store.ChunkBytes,
            Bootable = backup.Bootable,
            ImageMetadata = backup.ImageMetadata,
            VolumeMetadata = backup.VolumeMetadata,
            Chunks = chunks,
        };
        return new(objects, await index.Write(store, place, work));
    }

    /// <summary>What a volume is to be filled with.</summary>
    public static Fill Restore(BackupStore store, Backup backup) => async (write, token) =>
    {
        var index = await BackupIndex.Read(store, backup, token);
        foreach (var chunk in index.Chunks)
        {
            token.ThrowIfCancellationRequested();
            await write(chunk.Offset, await Load(store, index, chunk, token));
        }
    };

    static async Task<ReadOnlyMemory<byte>> Load(BackupStore store, BackupIndex index, BackupChunk chunk, CancellationToken token)
    {
        var name = ObjectName.Parse(chunk.Object)!.Value; // the index was looked through
        var bytes = await store.Get(name, index.ChunkBytes, token) ?? throw BackupIndex.Damaged(name, "is not there");
        if (chunk.Compression == BackupChunk.Zlib) bytes = Unpacked(bytes, chunk.Length) ?? throw BackupIndex.Damaged(name, "can't be decompressed");
        if (bytes.Length != chunk.Length || BackupIndex.Hash(bytes) != chunk.Sha256) throw BackupIndex.Damaged(name, "is not what was written");
        return bytes;
    }

    const int ObjectsPerProgress = 64;

    static (ReadOnlyMemory<byte> Bytes, string Compression) Packed(ReadOnlyMemory<byte> plain, bool compress)
    {
        if (!compress) return (plain, BackupChunk.Plain);
        using var packed = new MemoryStream(plain.Length / 2);
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(plain.Span);
        return packed.Length < plain.Length ? (packed.GetBuffer().AsMemory(0, (int)packed.Length), BackupChunk.Zlib) : (plain, BackupChunk.Plain);
    }

    /// <summary>Never more than <paramref name="length"/> bytes, whatever is packed; null when it is none or is longer.</summary>
    static byte[]? Unpacked(byte[] packed, int length)
    {
        var plain = new byte[length];
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress);
            return zlib.ReadAtLeast(plain, length, throwOnEndOfStream: false) == length && zlib.ReadByte() < 0 ? plain : null;
        }
        catch (InvalidDataException) { return null; }
    }
}
