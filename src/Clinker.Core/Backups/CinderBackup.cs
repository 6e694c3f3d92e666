using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Clinker.Drivers;
using Clinker.Operations;
using Clinker.Volumes;
using ZstdSharp;

namespace Clinker.Backups;

/// <summary>What was found of a backup that Cinder wrote.</summary>
/// <param name="Objects">How many hold its data.</param>
/// <param name="Sha256">Of its metadata.</param>
public sealed record FoundBackup(
    int Objects, string Sha256, bool Bootable, IReadOnlyDictionary<string, string> ImageMetadata, IReadOnlyDictionary<string, string> VolumeMetadata);

/// <summary>
/// A backup that Cinder's posix, NFS or GlusterFS driver wrote (cinder/backup/chunkeddriver.py; docs/backup-format.md): it is restored and
/// removed, never written. Its metadata is remembered by its SHA-256 when it is taken in. Restoring reads the full one and its increments side
/// by side, from the volume's beginning to its end: of what several have, the newest counts. Each object has to have the MD5 that its
/// metadata says, and the whole the sums of the newest one's blocks, or there is a fault and the volume keeps what it had.
/// </summary>
sealed class CinderBackup
{
    const string Version = "1.0.0";
    const int WindowBytes = 4 * 1024 * 1024;
    /// <summary>What is read ahead of each backup of a chain, of which there may be hundreds.</summary>
    const int BufferBytes = 1024 * 1024;
    const int MostBlockBytes = 64 * 1024 * 1024;

    /// <summary>What a Cinder that is to read it has to be set to.</summary>
    public const string Service = Drivers + "posix.PosixBackupDriver";

    const string Drivers = "cinder.backup.drivers.";

    /// <summary>Older records name the module alone.</summary>
    static readonly string[] Services =
        ["posix.PosixBackupDriver", "nfs.NFSBackupDriver", "glusterfs.GlusterfsBackupDriver", "posix", "nfs", "glusterfs"];

    readonly CinderPlace place;
    readonly string sha256;
    readonly CinderMetadata metadata;
    readonly List<Piece> pieces = [];

    CinderBackup(CinderPlace place, string sha256, CinderMetadata metadata) => (this.place, this.sha256, this.metadata) = (place, sha256, metadata);

    /// <summary>Whether what keeps a backup is a driver whose backups are files.</summary>
    public static bool IsKnown(string? service) => Services.Any(s => Drivers + s == service);

    /// <summary>Looks whether all of a backup is there, and is what its record says.</summary>
    /// <exception cref="FaultException">Invalid: it is not, or can't be read here.</exception>
    public static async Task<FoundBackup> Look(BackupStore store, Backup backup, CancellationToken token)
    {
        var found = await Read(store, backup, token);
        CinderVolumeMeta? volume;
        try { volume = JsonSerializer.Deserialize(found.metadata.VolumeMeta ?? "null", BackupJson.Default.CinderVolumeMeta); }
        catch (JsonException e) { throw found.Unfit($"its volume_meta can't be read: {e.Message}"); }
        var bootable = volume?.Base?.GetValueOrDefault("bootable") is { ValueKind: JsonValueKind.True or JsonValueKind.String } b
            && b.ToString().Equals("true", StringComparison.OrdinalIgnoreCase);
        return new(found.pieces.Count, found.sha256, bootable, Texts(volume?.Image), Texts(volume?.Own));
    }

    static Dictionary<string, string> Texts(Dictionary<string, JsonElement>? members) => (members ?? [])
        .Where(m => m.Value.ValueKind == JsonValueKind.String).ToDictionary(m => m.Key, m => m.Value.GetString()!);

    /// <summary>Ensures that its objects are gone, its metadata last: they say which those are.</summary>
    public static async Task Remove(BackupStore store, Backup backup, Work work)
    {
        if (await ReadMetadata(store, backup, work.Token) is not { } found) return;
        var place = found.place;
        var data = (found.metadata.Objects ?? []).SelectMany(o => o.Keys).ToList();
        if (data.Find(name => !place.IsData(name)) is { } other) throw found.Unfit($"it names an object {other}, which can't be its own");
        await store.Remove(place.Folder, [.. data, place.BlockSums.Name], work);
        await store.Remove(place.Folder, [place.Metadata.Name], work);
    }

    /// <summary>What a volume is to be filled with.</summary>
    /// <param name="chain">The full one first.</param>
    public static Fill Restore(BackupStore store, IReadOnlyList<Backup> chain, Progress? progress = null) => async (write, token) =>
    {
        var layers = new List<Layer>();
        try
        {
            foreach (var backup in chain) layers.Add(new(store, await Read(store, backup, token), token));
            var newest = layers[^1].Backup;
            var length = layers[0].Backup.End;
            if (layers.Find(l => l.Backup.End > length) is { } larger)
                throw larger.Backup.Unfit("it has more than the full backup that it is based on");
            progress?.Begin(length);
            var sums = await BlockSums.Open(store, newest, token);
            var block = sums?.BlockBytes ?? 1;
            var window = new byte[Math.Max(1, Math.Min(WindowBytes, length) / block) * block]; // never a part of a block, except at the end
            for (var at = 0L; at < length; at += window.Length)
            {
                token.ThrowIfCancellationRequested();
                var bytes = window.AsMemory(0, (int)Math.Min(window.Length, length - at));
                foreach (var layer in layers) await layer.Read(at, bytes);
                if (sums is not null) await sums.Check(bytes);
                if (bytes.Span.ContainsAnyExcept((byte)0)) await write(at, bytes);
                progress?.Did(bytes.Length);
            }
            if (sums is not null) await sums.CheckEnd();
        }
        finally
        {
            foreach (var layer in layers) await layer.DisposeAsync();
        }
    };

    /// <summary>Reads the metadata and looks whether all that they name is there, and nothing else.</summary>
    static async Task<CinderBackup> Read(BackupStore store, Backup backup, CancellationToken token)
    {
        var found = await ReadMetadata(store, backup, token) ?? throw Unfit(backup.CinderPlace, "it is not there");
        var metadata = found.metadata;
        if ((metadata.BackupId, metadata.VolumeId, metadata.ParentId) != (backup.Id, backup.VolumeId, backup.ParentId))
            throw found.Unfit("it is another backup's");
        found.Arrange(backup.SizeGb * (1L << 30));
        var there = (await store.Names(found.place.Folder, token))
            .Where(n => n.StartsWith(found.place.DataPrefix, StringComparison.Ordinal)).ToHashSet();
        if (!there.SetEquals(found.pieces.Select(p => p.Name.Name)))
            throw found.Unfit($"the {there.Count} objects that are there are not the {found.pieces.Count} that it names");
        return found;
    }

    /// <summary>Null when they are not there.</summary>
    static async Task<CinderBackup?> ReadMetadata(BackupStore store, Backup backup, CancellationToken token)
    {
        var place = backup.CinderPlace;
        if (await store.Get(place.Metadata, BackupIndex.MostBytes, token) is not { } bytes) return null;
        var sha256 = BackupIndex.Hash(bytes);
        if (backup.IndexSha256 is { } known && known != sha256)
            throw Unfit(place, "it is not the one that was taken in. Put that back, or remove the backup's objects by hand, this one last");
        try
        {
            var metadata = JsonSerializer.Deserialize(bytes, BackupJson.Default.CinderMetadata);
            return metadata?.Version == Version
                ? new(place, sha256, metadata)
                : throw Unfit(place, $"it is of version {metadata?.Version ?? "null"}, this program reads {Version}");
        }
        catch (JsonException e) { throw Unfit(place, $"it can't be read: {e.Message}"); }
    }

    void Arrange(long mostBytes)
    {
        var names = new HashSet<string>();
        foreach (var named in metadata.Objects ?? [])
        {
            if (named?.Count != 1 || named.First() is not (var name, { } o) || !place.IsData(name) || !names.Add(name))
                throw Unfit("what it names as objects is none");
            if (o.Offset < End || o.Length <= 0 || o.Offset > mostBytes - o.Length || (metadata.ParentId is null && o.Offset != End))
                throw Unfit($"{name} is not where it could be");
            if (o.Md5 is null) throw Unfit($"{name} has no md5");
            pieces.Add(new(o.Offset, o.Length, place.Data(name), Known(o.Compression, name), o.Md5));
        }
        if (metadata.ParentId is null && pieces.Count == 0) throw Unfit("it names no object");
    }

    // Cinder: _get_compressor.
    string Known(string? compression, string name) => compression?.ToLowerInvariant() switch
    {
        "none" or "off" or "no" => BackupChunk.Plain,
        "zlib" or "gzip" => BackupChunk.Zlib,
        "zstd" => BackupChunk.Zstd,
        "bz2" or "bzip2" => throw Unfit($"{name} is compressed with bz2, which is not read here: decompress it first as docs/backup-format.md says"),
        _ => throw Unfit($"{name} is compressed with {compression ?? "nobody knows what"}, which is not read here"),
    };

    /// <summary>Where the last piece ends.</summary>
    long End => pieces.Count == 0 ? 0 : pieces[^1].Offset + pieces[^1].Length;

    FaultException Unfit(string why) => Unfit(place, why);

    static FaultException Unfit(CinderPlace place, string why) => new Fault.Invalid($"Invalid backup: {place.Metadata}: {why}.").Thrown();

    /// <param name="Md5">Of its bytes as the volume had them.</param>
    sealed record Piece(long Offset, long Length, ObjectName Name, string Compression, string Md5);

    /// <summary>One backup of a chain, read once from its first piece to its last.</summary>
    sealed class Layer(BackupStore store, CinderBackup backup, CancellationToken token) : IAsyncDisposable
    {
        readonly IncrementalHash md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        Stream? stream;
        int next;
        long done;

        public CinderBackup Backup => backup;

        /// <summary>
        /// Reads what it has of a part of the volume; the rest of the buffer stays as it is. Parts are asked for in their order, without gaps.
        /// </summary>
        public async ValueTask Read(long at, Memory<byte> into)
        {
            for (; next < backup.pieces.Count && backup.pieces[next] is var piece && piece.Offset < at + into.Length; next++, done = 0)
            {
                var from = piece.Offset + done;
                var here = into.Slice((int)(from - at), (int)Math.Min(piece.Length - done, at + into.Length - from));
                stream ??= Open(piece);
                if (await Some(piece, here) < here.Length) throw BackupIndex.Damaged(piece.Name, "is shorter than what was written");
                md5.AppendData(here.Span);
                done += here.Length;
                if (done < piece.Length) return;
                if (await Some(piece, new byte[1]) != 0) throw BackupIndex.Damaged(piece.Name, "is longer than what was written");
                if (!Convert.ToHexString(md5.GetHashAndReset()).Equals(piece.Md5, StringComparison.OrdinalIgnoreCase))
                    throw BackupIndex.Damaged(piece.Name, "is not what was written: its MD5 is another");
                await stream.DisposeAsync();
                stream = null;
            }
        }

        Stream Open(Piece piece)
        {
            var stored = new BufferedStream(new ObjectStream(store, piece.Name), (int)Math.Min(BufferBytes, piece.Length));
            return piece.Compression switch
            {
                BackupChunk.Zlib => new ZLibStream(stored, CompressionMode.Decompress),
                BackupChunk.Zstd => new DecompressionStream(stored, leaveOpen: false),
                _ => stored,
            };
        }

        async ValueTask<int> Some(Piece piece, Memory<byte> into)
        {
            try { return await stream!.ReadAtLeastAsync(into, into.Length, throwOnEndOfStream: false, token); }
            catch (Exception e) when (e is InvalidDataException or ZstdException or EndOfStreamException)
            {
                throw BackupIndex.Damaged(piece.Name, $"can't be decompressed ({e.Message})");
            }
        }

        public async ValueTask DisposeAsync()
        {
            md5.Dispose();
            if (stream is not null) await stream.DisposeAsync();
        }
    }

    /// <summary>The sums of all blocks that the volume had, in their order, read as they are needed: of a volume of 1 TiB they are 2 GiB.</summary>
    sealed class BlockSums
    {
        const int MostTokenBytes = 16 * 1024;

        readonly BackupStore store;
        readonly CinderBackup backup;
        readonly CancellationToken token;
        readonly byte[] buffer = new byte[4 * MostTokenBytes];
        JsonReaderState state;
        int start, end;
        long offset;
        bool atEnd;

        BlockSums(BackupStore store, CinderBackup backup, CancellationToken token) => (this.store, this.backup, this.token) = (store, backup, token);

        ObjectName Name => backup.place.BlockSums;
        public int BlockBytes { get; private set; }

        /// <summary>Null when there are none.</summary>
        public static async Task<BlockSums?> Open(BackupStore store, CinderBackup backup, CancellationToken token)
        {
            var sums = new BlockSums(store, backup, token);
            if (await store.Read(sums.Name, 0, new byte[1], token) is null) return null;
            await sums.Expect(JsonTokenType.StartObject);
            await sums.Members(until: "sha256s"); // the members are sorted: what is needed to read them stands before
            await sums.Expect(JsonTokenType.StartArray);
            return sums.BlockBytes is > 0 and <= MostBlockBytes ? sums : throw sums.Damaged($"has blocks of {sums.BlockBytes} bytes");
        }

        /// <summary>Looks whether the next bytes are those that the volume had: whole blocks, except at the volume's end.</summary>
        public async ValueTask Check(ReadOnlyMemory<byte> bytes)
        {
            for (var at = 0; at < bytes.Length; at += BlockBytes)
            {
                var sum = await Expect(JsonTokenType.String);
                if (BackupIndex.Hash(bytes.Span.Slice(at, Math.Min(BlockBytes, bytes.Length - at))) != sum)
                    throw Damaged("has other sums than what was read: the backup, or one that it is an increment of, is not what it was");
            }
        }

        /// <summary>Looks whether there are no more.</summary>
        public async ValueTask CheckEnd()
        {
            await Expect(JsonTokenType.EndArray);
            await Members(until: null);
        }

        async ValueTask Members(string? until)
        {
            while (await Next() is (JsonTokenType.PropertyName, { } name))
            {
                if (name == until) return;
                var (type, value) = await Next();
                if (type is JsonTokenType.StartArray or JsonTokenType.StartObject) break;
                if (name == "version" && value != Version) throw Damaged($"is of version {value}, this program reads {Version}");
                if (name == "backup_id" && value != backup.metadata.BackupId) throw Damaged("is another backup's");
                if (name == "chunk_size") BlockBytes = int.TryParse(value, out var bytes) ? bytes : 0;
            }
            if (until is not null) throw Damaged($"has no {until}");
        }

        async ValueTask<string?> Expect(JsonTokenType type) =>
            await Next() is var (found, value) && found == type ? value : throw Damaged($"has a {found} for a {type}");

        async ValueTask<(JsonTokenType Type, string? Value)> Next()
        {
            while (true)
            {
                try
                {
                    if (Token() is { } next) return next;
                }
                catch (JsonException e) { throw Damaged($"can't be read: {e.Message}"); }
                if (atEnd || end - start > MostTokenBytes) throw Damaged("can't be read to its end");
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
                var n = await store.Read(Name, offset, buffer.AsMemory(end), token) ?? throw Damaged("is not there any more");
                (end, offset, atEnd) = (end + n, offset + n, n < buffer.Length - end);
            }
        }

        (JsonTokenType, string?)? Token()
        {
            var reader = new Utf8JsonReader(buffer.AsSpan(start, end - start), atEnd, state);
            if (!reader.Read()) return null;
            start += (int)reader.BytesConsumed;
            state = reader.CurrentState;
            return (reader.TokenType, reader.TokenType switch
            {
                JsonTokenType.String or JsonTokenType.PropertyName => reader.GetString(),
                JsonTokenType.Number => System.Text.Encoding.ASCII.GetString(reader.ValueSpan),
                _ => null,
            });
        }

        FaultException Damaged(string how) => BackupIndex.Damaged(Name, how);
    }

    /// <summary>An object from its first byte to its last.</summary>
    sealed class ObjectStream(BackupStore store, ObjectName name) : Stream
    {
        long offset;

        public override async ValueTask<int> ReadAsync(Memory<byte> into, CancellationToken token = default)
        {
            var n = await store.Read(name, offset, into, token) ?? throw BackupIndex.Damaged(name, "is not there");
            offset += n;
            return n;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken token) =>
            ReadAsync(buffer.AsMemory(offset, count), token).AsTask();

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It waits for storage.");
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>The object whose name ends in <c>_metadata</c>.</summary>
sealed record CinderMetadata
{
    public string? Version { get; init; }
    public string? BackupId { get; init; }
    public string? VolumeId { get; init; }
    public string? ParentId { get; init; }
    /// <summary>In the order of their offsets; each by its name.</summary>
    public IReadOnlyList<Dictionary<string, CinderObject>>? Objects { get; init; }
    /// <summary>A JSON object (<see cref="CinderVolumeMeta"/>) as text.</summary>
    public string? VolumeMeta { get; init; }
}

/// <param name="Offset">In the volume, in bytes.</param>
/// <param name="Length">Before it was compressed.</param>
/// <param name="Md5">Likewise.</param>
sealed record CinderObject(long Offset, long Length, string? Compression, string? Md5);

/// <summary>What was known of the volume (cinder/backup/driver.py, BackupMetadataAPI).</summary>
sealed record CinderVolumeMeta
{
    [JsonPropertyName("volume-base-metadata")] public Dictionary<string, JsonElement>? Base { get; init; }
    [JsonPropertyName("volume-glance-metadata")] public Dictionary<string, JsonElement>? Image { get; init; }
    [JsonPropertyName("volume-metadata")] public Dictionary<string, JsonElement>? Own { get; init; }
}
