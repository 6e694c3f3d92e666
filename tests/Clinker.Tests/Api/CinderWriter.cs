using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ZstdSharp;

namespace Clinker.Tests.Api;

/// <summary>A backup as <see cref="CinderWriter"/> wrote it.</summary>
/// <param name="Record">Its backup_url.</param>
sealed record Written(string Id, string Container, string Prefix, string Folder, string Record)
{
    public string Metadata => Path.Combine(Folder, $"{Prefix}_metadata");
    public string BlockSums => Path.Combine(Folder, $"{Prefix}_sha256file");

    /// <summary>All its files.</summary>
    public string[] Files => [.. Directory.GetFiles(Folder).Where(f => Path.GetFileName(f).StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>Its data, in order.</summary>
    public string[] Data => [.. Files.Where(f => f.StartsWith(Path.Combine(Folder, $"{Prefix}-"), StringComparison.Ordinal))];

    /// <summary>Changes what its metadata says.</summary>
    public void Edit(Action<JsonObject> change) => Edit(Metadata, change);

    public static void Edit(string file, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(file))!.AsObject();
        change(json);
        File.WriteAllText(file, json.ToJsonString());
    }

    /// <summary>Its record, changed.</summary>
    public string Changed(Action<JsonObject> change)
    {
        var json = JsonNode.Parse(Convert.FromBase64String(Record))!.AsObject();
        change(json);
        return Convert.ToBase64String(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }
}

/// <summary>
/// Writes backups of one volume as Cinder's posix, NFS and GlusterFS drivers do: step by step what cinder/backup/chunkeddriver.py does
/// (backup, _backup_chunk, _write_metadata, _write_sha256file), and the record of cinder/objects/backup.py (encode_record).
/// </summary>
sealed class CinderWriter(string root, string volumeId, string compression = "zlib")
{
    const int BlockBytes = 32768, ChunkBytes = 58 * BlockBytes; // the default, 1999994880, shortened
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    readonly Dictionary<string, List<string>> sums = [];
    int written;

    /// <summary>Which driver the record says.</summary>
    public string Service { get; init; } = "cinder.backup.drivers.glusterfs.GlusterfsBackupDriver";

    public JsonObject VolumeMeta { get; init; } = new() { ["version"] = 2 };

    [SuppressMessage("Security", "CA5351", Justification = "It is Cinder's format.")]
    public Written Write(byte[] content, string? parent = null, string? container = null, string? prefix = null)
    {
        var id = new Guid(++written, 0x1111, 0x4111, 0x81, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11).ToString();
        container ??= $"{id[..2]}/{id[2..4]}/{id}";
        prefix ??= $"volume_{volumeId}_2015110210111{written}_backup_{id}";
        var folder = Directory.CreateDirectory(Path.Combine(root, container)).FullName;
        var (objects, hashes) = (new JsonArray(), new List<string>());
        for (var offset = 0; offset < content.Length; offset += ChunkBytes)
        {
            var data = content.AsSpan(offset, Math.Min(ChunkBytes, content.Length - offset));
            if (parent is null) Put(data, offset);
            var extent = -1;
            for (var at = 0; at < data.Length; at += BlockBytes)
            {
                var hash = Convert.ToHexStringLower(SHA256.HashData(data[at..Math.Min(at + BlockBytes, data.Length)]));
                var same = parent is null || sums[parent][hashes.Count] == hash;
                hashes.Add(hash);
                if (!same && extent < 0) extent = at;
                if (!same || extent < 0) continue;
                Put(data[extent..at], offset + extent);
                extent = -1;
            }
            if (extent >= 0) Put(data[extent..], offset + extent);
        }
        sums[id] = hashes;
        Json("_sha256file", new()
        {
            ["backup_description"] = null, ["backup_id"] = id, ["backup_name"] = "näme", ["chunk_size"] = BlockBytes, ["created_at"] = "2015-11-02 10:11:12+00:00",
            ["sha256s"] = new JsonArray([.. hashes.Select(h => JsonValue.Create(h))]), ["version"] = "1.0.0", ["volume_id"] = volumeId,
        });
        Json("_metadata", new()
        {
            ["backup_description"] = null, ["backup_id"] = id, ["backup_name"] = "näme", ["created_at"] = "2015-11-02 10:11:12+00:00", ["objects"] = objects,
            ["parent_id"] = parent, ["version"] = "1.0.0", ["volume_id"] = volumeId, ["volume_meta"] = VolumeMeta.ToJsonString(),
        });
        var record = new JsonObject
        {
            ["driver_info"] = new JsonObject(), ["id"] = id, ["user_id"] = "u", ["project_id"] = "of old", ["volume_id"] = volumeId, ["host"] = "old", ["availability_zone"] = "nova",
            ["container"] = container, ["parent_id"] = parent, ["status"] = "available", ["fail_reason"] = null, ["size"] = 1, ["display_name"] = "näme",
            ["display_description"] = null, ["service_metadata"] = prefix, ["service"] = Service, ["object_count"] = objects.Count + 1, ["temp_volume_id"] = null,
            ["temp_snapshot_id"] = null, ["snapshot_id"] = null, ["data_timestamp"] = "2015-11-02T10:11:12Z", ["restore_volume_id"] = null,
            ["num_dependent_backups"] = 0, ["created_at"] = "2015-11-02T10:11:12Z", ["updated_at"] = null, ["deleted"] = false, ["deleted_at"] = null,
        };
        return new(id, container, prefix, folder, Convert.ToBase64String(Encoding.UTF8.GetBytes(record.ToJsonString())));

        void Put(ReadOnlySpan<byte> data, long offset)
        {
            var name = $"{prefix}-{objects.Count + 1:d5}";
            var packed = Packed(data);
            var smaller = packed.Length < data.Length;
            File.WriteAllBytes(Path.Combine(folder, name), smaller ? packed : data);
            objects.Add(new JsonObject
            {
                [name] = new JsonObject
                {
                    ["compression"] = smaller ? compression : "none", ["length"] = data.Length, ["md5"] = Convert.ToHexStringLower(MD5.HashData(data)), ["offset"] = offset,
                },
            });
        }

        void Json(string end, JsonObject json) => File.WriteAllText(Path.Combine(folder, prefix + end), json.ToJsonString(Indented));
    }

    byte[] Packed(ReadOnlySpan<byte> data)
    {
        switch (compression)
        {
            case "zlib" or "gzip":
                var packed = new MemoryStream();
                using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(data);
                return packed.ToArray();
            case "zstd":
                using (var zstd = new Compressor()) return zstd.Wrap(data).ToArray();
            default:
                return data.ToArray();
        }
    }
}
