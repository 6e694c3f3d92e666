using System.Buffers;
using System.IO.Compression;
using Clinker.Drivers;
using Clinker.Operations;
using ZstdSharp;

namespace Clinker.Backups;

/// <summary>What was written of a backup.</summary>
/// <param name="Objects">How many it has of its own, its index not counted.</param>
/// <param name="Sha256">Of its index.</param>
public sealed record Saved(int Objects, string Sha256);

/// <summary>
/// The way of bytes into a backup and out of it. In: chunk by chunk in the order of offsets, zeroes left out, those that are as they were
/// in the parent only named; the index last, so that whatever ends before leaves objects of no backup. The next try reads the volume anew and
/// goes on with them: an object's name says what is in it, so those of chunks that are still the same are not written again, and those of
/// chunks that are not are removed once the index names others. Out: each chunk is what was read once, by its length and its SHA-256, or
/// there is a fault and the volume keeps what it had.
/// </summary>
static class BackupCopy
{
    /// <param name="progress">Told now and then how many objects there are.</param>
    public static async Task<Saved> Save(
        BackupStore store, Backup backup, BackupPlace place, Content content, BackupIndex? parent, Func<int, Task> progress, Work work)
    {
        var known = parent is not null && parent.ChunkBytes == store.ChunkBytes ? parent.Chunks.ToDictionary(c => c.Offset) : [];
        await store.TakeOver(place, work);
        var there = (await store.Names(place.Folder, work.Token)).Select(name => $"{place}/{name}").ToHashSet(StringComparer.Ordinal);
        var chunks = new List<BackupChunk>();
        var objects = 0;
        var pieces = new Queue<Task<BackupChunk?>>();
        work.Progress?.Begin(content.DataBytes);
        try
        {
            await foreach (var (offset, buffer, length) in content.Pieces(store.ChunkBytes, aligned: true, work.Token))
            {
                pieces.Enqueue(Piece(offset, buffer.AsMemory(0, length), buffer));
                if (pieces.Count >= AtOnce) await Next();
            }
            while (pieces.Count > 0) await Next();
        }
        finally
        {
            // Nothing of it goes on when this has ended.
            await Task.WhenAll(pieces.Select(Task (p) => p)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await content.Close();
        work.Progress?.Whole();
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
        var sha256 = await index.Write(store, place, work);
        there.ExceptWith(chunks.Select(c => c.Object).Append(new ObjectName(place, BackupIndex.Name).ToString()));
        if (there.Count > 0) await store.Remove(place.Folder, [.. there.Select(name => name[($"{place}/".Length)..])], work);
        return new(objects, sha256);

        async Task Next()
        {
            if (await pieces.Dequeue() is not { } chunk) return;
            chunks.Add(chunk);
            if (!ReferenceEquals(chunk, known.GetValueOrDefault(chunk.Offset)) && ++objects % ObjectsPerProgress == 0) await progress(objects);
        }

        // Null for zeroes.
        async Task<BackupChunk?> Piece(long offset, ReadOnlyMemory<byte> piece, byte[] buffer)
        {
            var (chunk, bytes) = await store.Compute(() =>
            {
                if (!piece.Span.ContainsAnyExcept((byte)0)) return default;
                var sha256 = BackupIndex.Hash(piece.Span);
                if (known.TryGetValue(offset, out var before) && before.Length == piece.Length && before.Sha256 == sha256) return (before, default);
                foreach (var how in BackupChunk.Compressions)
                    if (Chunk(how) is var earlier && there.Contains(earlier.Object)) return (earlier, default);
                var (packed, compression) = Packed(piece, store.Compression);
                return ((BackupChunk?)Chunk(compression), packed);

                BackupChunk Chunk(string compression) => new(offset, piece.Length, sha256,
                    new ObjectName(place, $"{offset / store.ChunkBytes:d10}{compression}{sha256[..NamedDigits]}").ToString(), compression);
            });
            if (!bytes.IsEmpty) await store.Put(ObjectName.Parse(chunk!.Object)!.Value, bytes, work);
            work.Progress?.Did(piece.Length);
            ArrayPool<byte>.Shared.Return(buffer); // not when it has failed: an act that was given up may still read it
            return chunk;
        }
    }

    /// <summary>What a volume is to be filled with.</summary>
    public static async Task<Fill> Restore(Saga saga, string backupId) =>
        Restore(saga.Backups, await saga.Read(async tx => await tx.Backups.Chain(await tx.Backups.Get(backupId))), saga.Work.Progress);

    /// <inheritdoc cref="Restore(Saga, string)"/>
    /// <param name="chain">The backup, after those without which it can't be read (<see cref="BackupTable.Chain"/>).</param>
    public static Fill Restore(BackupStore store, IReadOnlyList<Backup> chain, Progress? progress = null) =>
        chain[^1].IsCinders ? CinderBackup.Restore(store, chain, progress) : Restore(store, chain[^1], progress);

    static Fill Restore(BackupStore store, Backup backup, Progress? progress) => async (write, token) =>
    {
        var index = await BackupIndex.Read(store, backup, token);
        progress?.Begin(index.Chunks.Sum(c => (long)c.Length));
        var loads = new Queue<(long Offset, Task<ReadOnlyMemory<byte>> Bytes)>();
        try
        {
            foreach (var chunk in index.Chunks)
            {
                token.ThrowIfCancellationRequested();
                loads.Enqueue((chunk.Offset, Load(store, index, chunk, token)));
                if (loads.Count >= AtOnce) await Next();
            }
            while (loads.Count > 0) await Next();
        }
        finally
        {
            await Task.WhenAll(loads.Select(Task (l) => l.Bytes)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task Next()
        {
            var (offset, loading) = loads.Dequeue();
            var bytes = await loading;
            await write(offset, bytes);
            progress?.Did(bytes.Length);
        }
    };

    static async Task<ReadOnlyMemory<byte>> Load(BackupStore store, BackupIndex index, BackupChunk chunk, CancellationToken token)
    {
        var name = ObjectName.Parse(chunk.Object)!.Value; // the index was looked through
        var stored = await store.Get(name, index.ChunkBytes, token) ?? throw BackupIndex.Damaged(name, "is not there");
        return await store.Compute(() =>
        {
            var bytes = chunk.Compression switch
            {
                BackupChunk.Zlib => Inflated(stored, chunk.Length) ?? throw BackupIndex.Damaged(name, "can't be decompressed"),
                BackupChunk.Zstd => Unzstd(stored, chunk.Length) ?? throw BackupIndex.Damaged(name, "can't be decompressed"),
                _ => stored,
            };
            return bytes.Length == chunk.Length && BackupIndex.Hash(bytes) == chunk.Sha256 ? bytes : throw BackupIndex.Damaged(name, "is not what was written");
        });
    }

    const int ObjectsPerProgress = 64;

    /// <summary>How much of a chunk's SHA-256 is in its object's name: nobody finds two pieces that have as much in common.</summary>
    const int NamedDigits = 32;

    /// <summary>How many objects are on their way at once.</summary>
    const int AtOnce = 4;

    /// <summary>The quickest: what is backed up waits for it.</summary>
    const int ZstdLevel = 1;

    /// <summary>By how much of a piece it is told whether to compress the rest: media and what is encrypted would cost much and give nothing.</summary>
    const int SampleBytes = 64 * 1024;

    static (ReadOnlyMemory<byte> Bytes, string Compression) Packed(ReadOnlyMemory<byte> plain, BackupCompression how)
    {
        if (how == BackupCompression.None || (plain.Length > 4 * SampleBytes && !Shrinks(plain.Slice(plain.Length / 2, SampleBytes)) && !Shrinks(plain[..SampleBytes])))
            return (plain, BackupChunk.Plain);
        var packed = Compressed(plain, how);
        return packed.Length < plain.Length ? (packed, how == BackupCompression.Zstd ? BackupChunk.Zstd : BackupChunk.Zlib) : (plain, BackupChunk.Plain);

        // Whether a twentieth at least is saved.
        bool Shrinks(ReadOnlyMemory<byte> sample) => Compressed(sample, how).Length < sample.Length - sample.Length / 20;
    }

    static ReadOnlyMemory<byte> Compressed(ReadOnlyMemory<byte> plain, BackupCompression how)
    {
        if (how == BackupCompression.Zstd)
        {
            using var zstd = new Compressor(ZstdLevel);
            var packed = new byte[Compressor.GetCompressBound(plain.Length)];
            return packed.AsMemory(0, zstd.Wrap(plain.Span, packed));
        }
        var deflated = new MemoryStream(plain.Length / 2);
        using (var zlib = new ZLibStream(deflated, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(plain.Span);
        return deflated.GetBuffer().AsMemory(0, (int)deflated.Length);
    }

    /// <summary>Never more than <paramref name="length"/> bytes, whatever is packed; null when it is none or is longer.</summary>
    static byte[]? Inflated(byte[] packed, int length)
    {
        var plain = new byte[length];
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress);
            return zlib.ReadAtLeast(plain, length, throwOnEndOfStream: false) == length && zlib.ReadByte() < 0 ? plain : null;
        }
        catch (InvalidDataException) { return null; }
    }

    /// <inheritdoc cref="Inflated"/>
    static byte[]? Unzstd(byte[] packed, int length)
    {
        var plain = new byte[length];
        try
        {
            using var zstd = new Decompressor();
            return zstd.Unwrap(packed, plain) == length ? plain : null;
        }
        catch (ZstdException) { return null; }
    }
}
