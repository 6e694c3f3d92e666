using System.Text;
using System.Text.Json.Nodes;
using Xunit;
using static Clinker.Live.Hostile.HostileSite;

namespace Clinker.Live.Hostile;

/// <summary>
/// What lies on a share was written by somebody: by a host that an attacker has got hold of, or by a QEMU out of which a guest broke, which may
/// write to the file that it has open. It must not lead the daemon, or another host, to files outside or to others' volumes.
/// </summary>
public sealed class ShareTests(HostileSite site) : IClassFixture<HostileSite>
{
    /// <summary>A volume with one snapshot; what is in each of them is random.</summary>
    async Task<(string Id, string Snapshot, string File)> Chain()
    {
        var id = await site.Volume();
        var bytes = new byte[1 << 20];
        new Random(7).NextBytes(bytes);
        await site.Write(id, bytes);
        return (id, await site.Make("snapshot", $"\"volume_id\": \"{id}\""), Path.Combine(site.Mount, $"volume-{id}"));
    }

    /// <summary>Everything that reads, grows, changes or hands out the volume: each is refused in words, and shows nothing.</summary>
    async Task NothingIsDone(string id, string snapshot)
    {
        await site.AttachedToNobody(id);
        var clone = await site.Volume($"\"source_volid\": \"{id}\"", status: "error");
        var upload = await site.Do("POST", $"volumes/{id}/action", """{"os-volume_upload_image": {"image_name": "mine", "disk_format": "qcow2", "force": true}}""");
        await site.Settled($"volumes/{id}");
        Assert.False(site.Glance.Data.ContainsKey((string)upload!["os-volume_upload_image"]!["image_id"]!));
        await site.Reset(id);
        var backup = await site.Make("backup", $"\"volume_id\": \"{id}\"", status: "error");
        await site.Reset(id);
        await NotGrown(id);
        await site.Reset(id);
        await site.Act(id, $$"""{"revert": {"snapshot_id": "{{snapshot}}"} }""");
        Assert.Contains(await site.Settled($"volumes/{id}"), (string[])["available", "error", "error_reverting"]);
        await site.Reset(id);
        await site.NotDeleted($"snapshots/{snapshot}");
        await site.Delete($"volumes/{clone}", $"backups/{backup}");
        Assert.Equal(HostileSite.Secret, await File.ReadAllBytesAsync(site.SecretFile));
    }

    async Task NotGrown(string id)
    {
        await site.Act(id, """{"os-extend": {"new_size": 2}}""");
        Assert.Equal("available", await site.Settled($"volumes/{id}")); // nothing was done, and so it is what it was
        Assert.Equal(1, (int)(await site.Do("GET", $"volumes/{id}"))!["volume"]!["size"]!);
        Assert.Contains("extend", await site.Told(id), StringComparison.Ordinal);
    }

    /// <summary>What made it so is taken back; then all goes as if it had never been.</summary>
    async Task IsMended(string id, string snapshot, (string, long) seen)
    {
        await site.Reset(id);
        Assert.Equal(seen, await site.Seen(id));
        await site.Delete($"snapshots/{snapshot}");
        Assert.Equal(seen, await site.Seen(id));
        await site.Delete($"volumes/{id}");
        Assert.Empty(Directory.GetFiles(site.Mount, $"volume-{id}*"));
    }

    [Theory]
    [InlineData("secret"), InlineData("up"), InlineData("other"), InlineData("huge"), InlineData("deep"), InlineData("list"), InlineData("number")]
    [InlineData("symlink"), InlineData("fifo"), InlineData("directory"), InlineData("json")]
    public async Task A_note_of_a_chain_that_is_none_is_believed_in_nothing(string kind)
    {
        var (id, snapshot, file) = await Chain();
        var seen = await site.Seen(id);
        var victim = await site.Volume();
        var (info, away) = ($"{file}.info", Path.Combine(site.Mount, $".away-{id}"));
        File.Move(info, away);
        string Note(string active) => new JsonObject { ["active"] = active, [snapshot] = $"volume-{id}.{snapshot}" }.ToJsonString();
        switch (kind)
        {
            case "symlink": File.CreateSymbolicLink(info, site.SecretFile); break;
            case "fifo": await Run("mkfifo", info); break;
            case "directory": Directory.CreateDirectory(info); break;
            case "huge": await File.WriteAllTextAsync(info, Note($"volume-{id}") + new string(' ', 2 << 20)); break;
            case "deep": await File.WriteAllTextAsync(info, new string('[', 100_000)); break;
            case "list": await File.WriteAllTextAsync(info, $"[\"volume-{id}\"]"); break;
            case "number": await File.WriteAllTextAsync(info, "{\"active\": 1}"); break;
            default:
                await File.WriteAllTextAsync(info, Note(kind switch
                {
                    "secret" => site.SecretFile, "up" => $"../{Path.GetFileName(site.Mount)}/volume-{id}", "other" => $"volume-{victim}",
                    _ => $"json:{{\"driver\":\"file\",\"filename\":\"{site.SecretFile}\"}}",
                }));
                break;
        }
        await NothingIsDone(id, snapshot);
        await Run("rm", "-rf", info);
        File.Move(away, info);
        await IsMended(id, snapshot, seen);
        await site.Delete($"volumes/{victim}");
    }

    /// <summary>CVE-2014-3641: the file under the one that a host writes to is one of this volume, in this pool, whatever is written there.</summary>
    [Theory, InlineData("secret"), InlineData("up"), InlineData("other"), InlineData("json"), InlineData("nbd"), InlineData("outside"), InlineData("on-mount"), InlineData("unsaid"), InlineData("data-file")]
    public async Task A_chain_that_names_another_file_is_followed_nowhere(string kind)
    {
        var (id, snapshot, file) = await Chain();
        var seen = await site.Seen(id);
        var (top, away) = ($"{file}.{snapshot}", Path.Combine(site.Mount, $".away-{id}"));
        var (victim, of, theirs) = await Chain();
        await site.Delete($"snapshots/{of}");
        var content = await site.Seen(theirs, "raw");
        await Run("cp", "--sparse=always", top, away);
        var outside = Directory.CreateDirectory(Path.Combine(site.Folder, new string('a', 32))).FullName;
        File.Copy(site.SecretFile, Path.Combine(outside, $"volume-{id}"), overwrite: true);
        if (kind == "data-file")
        {
            var header = await site.Header(kind);
            await using var image = new FileStream(top, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            await image.WriteAsync(header);
        }
        else
        {
            var name = kind switch
            {
                "secret" => site.SecretFile,
                "up" => $"../{Path.GetFileName(site.Mount)}/volume-{id}",
                "other" => $"volume-{victim}",
                "json" => $$"""json:{"driver":"raw","file":{"driver":"file","filename":"{{site.SecretFile}}"} }""",
                "nbd" => $"nbd://127.0.0.1/volume-{id}",
                "outside" => Path.Combine(site.Folder, $"volume-{id}"),
                "on-mount" => Path.Combine(outside, $"volume-{id}"),
                _ => $"volume-{id}",
            };
            await Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", name, "-F", "raw", top);
            if (kind == "unsaid") await ForgetFormat(top);
        }
        if (kind is "on-mount" or "unsaid")
        {
            // As Cinder's first ones said it: followed here, by the name alone, and handed to nobody.
            Assert.Contains("qemu-img rebase", await site.AttachedToNobody(id), StringComparison.Ordinal);
            await site.Act(id, """{"os-extend": {"new_size": 2}}""");
            Assert.Equal("available", await site.Settled($"volumes/{id}"));
            await site.Delete($"snapshots/{snapshot}");
            Assert.Equal((seen.Head, 2L << 30), await site.Seen(id));
            Assert.Equal(HostileSite.Secret, await File.ReadAllBytesAsync(Path.Combine(outside, $"volume-{id}")));
            File.Delete(away);
            await site.Delete($"volumes/{id}");
        }
        else
        {
            await NothingIsDone(id, snapshot);
            await Run("cp", away, top);
            File.Delete(away);
            await IsMended(id, snapshot, seen);
        }
        Assert.Equal(content, await site.Seen(victim));
        await site.Delete($"volumes/{victim}");
    }

    /// <summary>An extension of the header that nobody knows takes the place of the one that says the format.</summary>
    static async Task ForgetFormat(string path)
    {
        await using var image = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var head = new byte[1024];
        await image.ReadExactlyAsync(head);
        head[head.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xe2, 0x79, 0x2a, 0xca]) + 3]++;
        image.Position = 0;
        await image.WriteAsync(head);
    }

    /// <summary>Whoever's file it is that a volume's names as the one under it: it does not go with the volume.</summary>
    [Fact]
    public async Task Deleting_a_volume_that_says_it_stands_on_anothers_leaves_that_alone()
    {
        var source = await site.Volume();
        await site.Write(source, [.. "content"u8, .. new byte[505]]);
        var clone = await site.Volume($"\"source_volid\": \"{source}\"");
        var file = (await site.Attached(clone)).Path;
        var (victim, of, _) = await Chain();
        await site.Delete($"snapshots/{of}");
        var content = await site.Seen(victim);
        await Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", $"volume-{victim}", "-F", "raw", file);
        await site.NotDeleted($"volumes/{clone}");
        Assert.Equal(content, await site.Seen(victim));
        await Run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", $"volume-{clone}.{source}", "-F", "raw", file);
        await site.Delete($"volumes/{clone}", $"volumes/{source}", $"volumes/{victim}");
    }

    /// <summary>CVE-2024-32498: a server would get at more than was paid for, or at what lies behind.</summary>
    [Fact]
    public async Task A_disk_larger_than_its_volume_is_handed_to_nobody()
    {
        var (id, snapshot, file) = await Chain();
        await Run("qemu-img", "resize", "-q", "-f", "qcow2", $"{file}.{snapshot}", "5G");
        Assert.Contains("extend the volume", await site.AttachedToNobody(id), StringComparison.Ordinal);
        await site.Delete($"snapshots/{snapshot}", $"volumes/{id}");
    }

    /// <summary>bug 2073275: also a file that is called so is a file.</summary>
    [Fact]
    public async Task A_file_of_such_a_name_is_a_file_and_no_description()
    {
        await site.Volume();
        var pool = (await site.Pools()).Single();
        const string Name = """json:{"driver":"raw","file":{"filename":"secret"}}""";
        await using (var file = File.Create(Path.Combine(site.Mount, Name)))
        {
            await file.WriteAsync("mine"u8.ToArray());
            file.SetLength(1 << 30);
        }
        string Body(string name) => new JsonObject
        {
            ["volume"] = new JsonObject { ["host"] = pool, ["ref"] = new JsonObject { ["source-name"] = name } },
        }.ToJsonString();
        var id = (string)(await site.Do("POST", "manageable_volumes", Body(Name)))!["volume"]!["id"]!;
        Assert.Equal("available", await site.Settled($"volumes/{id}"));
        await site.Act(id, """{"os-extend": {"new_size": 2}}""");
        Assert.Equal("available", await site.Settled($"volumes/{id}"));
        Assert.Equal((SumOfDisk(Encoding.ASCII.GetBytes("mine")), 2L << 30), await site.Seen(id));
        // And what only looks like a disk is taken from nobody.
        foreach (var (kind, name) in new[] { ("backing", "b"), ("json", "j"), ("data-file", "d"), ("vmdk", "v") })
        {
            await File.WriteAllBytesAsync(Path.Combine(site.Mount, name), await site.Header(kind));
            await NotTaken(name);
        }
        File.CreateSymbolicLink(Path.Combine(site.Mount, "link"), site.SecretFile);
        foreach (var name in (string[])["link", "../../secret", site.SecretFile, ".", ".."]) await NotTaken(name);
        Assert.Equal(HostileSite.Secret, await File.ReadAllBytesAsync(site.SecretFile));

        async Task NotTaken(string name)
        {
            var (status, text) = await site.Ask("POST", "manageable_volumes", Body(name));
            if (status == 202) Assert.StartsWith("error", await site.Settled($"volumes/{JsonNode.Parse(text)!["volume"]!["id"]}"), StringComparison.Ordinal);
            else Assert.Equal(400, status);
        }
    }

    [Fact]
    public async Task A_volumes_file_that_became_a_link_is_not_followed()
    {
        var id = await site.Volume();
        var file = (await site.Attached(id)).Path;
        File.Move(file, file + "-away");
        File.CreateSymbolicLink(file, site.SecretFile);
        var backup = await site.Make("backup", $"\"volume_id\": \"{id}\"", status: "error");
        await NotGrown(id);
        Assert.Equal(HostileSite.Secret.Length, new FileInfo(site.SecretFile).Length);
        await site.Delete($"backups/{backup}");
    }

    [Fact]
    public async Task A_line_of_the_shares_file_is_no_command()
    {
        await site.Volume();
        Assert.Single(await site.Pools());
        Assert.False(File.Exists(site.Marker));
        Assert.All((string[])[.. Enumerable.Range(2, 9).Select(n => $"line {n}:")], l => Assert.Contains(l, site.Log, StringComparison.Ordinal));
    }
}
