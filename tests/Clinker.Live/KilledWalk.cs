using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Clinker.Live;

/// <summary>
/// Random walks of the published daemon on two shares of a real GlusterFS, with SIGKILL in the midst of what it has accepted. Whatever it
/// was at, it settles by itself and as it was asked: a model knows what is to be in each volume and snapshot, QEMU reads what is there, and
/// there is no file that nothing stands on. SEED and STEPS make another walk, or a longer one, KIND has it on shares of another kind.
/// </summary>
public sealed class KilledWalk(ITestOutputHelper output)
{
    const int MaxDepth = 6, MostVolumes = 8, MostSnapshots = 4, MostBackups = 6, MaxGb = 3, CheckEvery = 5;
    /// <summary>What a file takes at most in the mean: with what is written here far less than the size of a disk.</summary>
    const long MostRoom = 100 << 20;
    const int BlocksPerGb = (1 << 30) / SharedDisk.BlockBytes;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    static readonly int Seed = Walks.Number("SEED", 1), Steps = Walks.Number("STEPS", 20);

    /// <summary>Statuses in which nothing is under way.</summary>
    static readonly string[] Settled = ["available", "error", "error_deleting", "error_extending", "error_restoring"];

    readonly Random random = new(Seed);
    readonly List<Disk> disks = [];
    readonly List<Saved> backups = [];
    readonly List<string> told = [];
    readonly Dictionary<string, SharedDisk> shares = [];
    Site site = null!;
    Daemon daemon = null!;
    int kills, accepted, refused;

    sealed class Disk(string id, int sizeGb, ImmutableDictionary<int, byte> content)
    {
        public string Id { get; } = id;
        public int SizeGb { get; set; } = sizeGb;
        public ImmutableDictionary<int, byte> Content { get; set; } = content;
        public List<Taken> Snapshots { get; } = [];

        /// <summary>In the names of its files, and the pool where they lie: as the API says when all has settled.</summary>
        public string FileId { get; set; } = id;
        public string Pool { get; set; } = "";
    }

    sealed record Taken(string Id, int SizeGb, ImmutableDictionary<int, byte> Content);

    sealed record Saved(string Id, int SizeGb, ImmutableDictionary<int, byte> Content);

    static readonly string? Kind = Environment.GetEnvironmentVariable("KIND");

    [Fact]
    public Task Of_raw_volumes_no_byte_is_lost_and_no_file_left() => Walk(qcow2: false, "disperse", "distribute");

    [Fact]
    public Task Of_qcow2_volumes_no_byte_is_lost_and_no_file_left() => Walk(qcow2: true, "virt", null);

    /// <param name="kinds">Of the two shares: how Gluster volumes are made up that people have for virtual machines' disks, and the others.</param>
    async Task Walk(bool qcow2, params string?[] kinds)
    {
        await using var at = site = await Site.Up(more: Walks.Settings(qcow2, MaxDepth));
        var names = new List<string>();
        foreach (var kind in kinds) names.Add(await site.Second(Kind ?? kind));
        if (Kind is not null) names[1] = site.Share;
        await File.WriteAllLinesAsync(site.SharesFile, names);
        foreach (var name in names) shares[name] = new(site.MountOf(name), site.Folder);
        await using var of = daemon = site.Daemon();
        await daemon.Start();
        var clock = Stopwatch.StartNew();
        try
        {
            for (var step = 1; step <= Steps; step++)
            {
                told.Add($"step {step}");
                await Step();
                if (step % CheckEvery == 0) await Check();
                if (step % 50 == 0) await Console.Error.WriteLineAsync(
                    $"killed walk (seed {Seed}): {step} of {Steps} steps, {kills} kills, {clock.Elapsed.TotalSeconds:0} s");
            }
            await Check();
            told.Add("delete all");
            while (disks.Count > 0 || backups.Count > 0) await Round(DeleteAny);
            await Check();
            Assert.All(shares.Values, s => Assert.Empty(s.Names()));
            var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 };
            if (Path.Combine(site.Folder, "backup") is var folder && Directory.Exists(folder)) Assert.Empty(Directory.GetFiles(folder, "*", all));
            Assert.Equal(0, site.Sql("select coalesce(sum(in_use), 0) from quota_usage"));
            Assert.Equal(0, site.Sql("select count(*) from reservation"));
            Assert.Equal(0, site.Sql("select count(*) from hold"));
        }
        catch (Exception e)
        {
            throw new Xunit.Sdk.XunitException(
                $"SEED={Seed} STEPS={Steps}, qcow2 {qcow2}: {e}\n{string.Join('\n', told.TakeLast(60))}\n{daemon.LogsEnd(6000)}");
        }
        output.WriteLine($"seed {Seed}, qcow2 {qcow2}: {Steps} steps in {clock.Elapsed.TotalSeconds:0} s, "
            + $"{accepted} requests accepted, {refused} refused, {kills} kills");
    }

    async Task Step()
    {
        if (disks.Count > 0 && random.Next(3) == 0) await Write(Pick(disks));
        else await Round(Ask);
    }

    /// <summary>One request or some at once; then, more often than not, the daemon is killed, and all settles.</summary>
    async Task Round(Func<Task> ask)
    {
        for (var n = random.Next(2) == 0 ? 1 : random.Next(2, 4); n > 0; n--) await ask();
        while (random.Next(5) < 3)
        {
            await Kill();
            while (random.Next(3) == 0)
            {
                daemon.Launch();
                await Kill();
            }
            await daemon.Start();
        }
        await Settle();
    }

    async Task Kill()
    {
        var after = random.Next(random.Next(2) == 0 ? 60 : 300);
        told.Add($"  killed after {after} ms");
        await Task.Delay(after);
        await daemon.Kill();
        kills++;
    }

    async Task Ask()
    {
        if (disks.Count == 0 || (disks.Count < 4 && random.Next(4) == 0)) { await Create(); return; }
        var disk = Pick(disks);
        switch (random.Next(24))
        {
            case < 6 when disk.Snapshots.Count < MostSnapshots: await Take(disk); break;
            case < 9 when disk.Snapshots.Count > 0: await DeleteSnapshot(disk, Pick(disk.Snapshots)); break;
            case < 12 when disks.Count < MostVolumes: await Clone(disk); break;
            case < 14 when disks.Count < MostVolumes && disk.Snapshots.Count > 0: await CloneSnapshot(disk); break;
            case < 15 when disk.SizeGb < MaxGb: await Extend(disk); break;
            case < 16 when disk.Snapshots.Exists(s => s.SizeGb == disk.SizeGb): await Revert(disk); break;
            case < 17: await Flatten(disk); break;
            case < 19 when disk.Snapshots.Count == 0: await Migrate(disk); break;
            case < 20 when backups.Count < MostBackups: await BackUp(disk); break;
            case < 22 when backups.Count > 0: await Restore(disk, Pick(backups)); break;
            case < 23 when backups.Count > 0: await DeleteBackup(Pick(backups)); break;
            default: await Delete(disk); break;
        }
    }

    T Pick<T>(List<T> list) => list[random.Next(list.Count)];

    static string Short(string id) => id[..8];

    async Task Create()
    {
        var size = random.Next(1, MaxGb);
        if (await Post($"create {size} GiB", "volumes", new { volume = new { size } }) is { } answer)
            Add(answer, size, ImmutableDictionary<int, byte>.Empty);
    }

    void Add(JsonNode answer, int sizeGb, ImmutableDictionary<int, byte> content) =>
        disks.Add(new((string)answer["volume"]!["id"]!, sizeGb, content));

    async Task Take(Disk disk)
    {
        if (await Post($"snapshot of {Short(disk.Id)}", "snapshots", new { snapshot = new { volume_id = disk.Id } }) is { } answer)
            disk.Snapshots.Add(new((string)answer["snapshot"]!["id"]!, disk.SizeGb, disk.Content));
    }

    async Task DeleteSnapshot(Disk disk, Taken snapshot)
    {
        if (await Send($"delete snapshot {Short(snapshot.Id)} of {Short(disk.Id)}", HttpMethod.Delete, $"snapshots/{snapshot.Id}") is not null)
            disk.Snapshots.Remove(snapshot);
    }

    async Task Clone(Disk source)
    {
        var size = Math.Min(source.SizeGb + random.Next(2), MaxGb);
        if (await Post($"clone {Short(source.Id)}", "volumes", new { volume = new { size, source_volid = source.Id } }) is { } answer)
            Add(answer, size, source.Content);
    }

    async Task CloneSnapshot(Disk source)
    {
        var (snapshot, size) = (Pick(source.Snapshots), Math.Min(source.SizeGb + random.Next(2), MaxGb));
        var what = $"volume of snapshot {Short(snapshot.Id)} of {Short(source.Id)}";
        if (await Post(what, "volumes", new { volume = new { size, snapshot_id = snapshot.Id } }) is { } answer)
            Add(answer, size, snapshot.Content);
    }

    async Task Extend(Disk disk)
    {
        var to = disk.SizeGb + 1;
        if (await Act($"extend {Short(disk.Id)}", disk, "os-extend", new { new_size = to })) disk.SizeGb = to;
    }

    async Task Revert(Disk disk)
    {
        var snapshot = Pick(disk.Snapshots.FindAll(s => s.SizeGb == disk.SizeGb));
        if (await Act($"revert {Short(disk.Id)} to {Short(snapshot.Id)}", disk, "revert", new { snapshot_id = snapshot.Id, earlier = true }))
            disk.Content = snapshot.Content;
    }

    Task<bool> Flatten(Disk disk) => Act($"flatten {Short(disk.Id)}", disk, "os-flatten", new { });

    async Task Migrate(Disk disk)
    {
        if (disk.Pool.Length == 0) return; // it is not there yet
        var (here, there) = (disk.Pool.Split('#')[1], shares.Keys.First(s => !disk.Pool.EndsWith(s, StringComparison.Ordinal)));
        await Act($"migrate {Short(disk.Id)} to {there}", disk, "os-migrate_volume",
            new { host = disk.Pool.Replace(here, there, StringComparison.Ordinal), lock_volume = random.Next(2) == 0 });
    }

    async Task BackUp(Disk disk)
    {
        var (snapshot, incremental) = (disk.Snapshots.Count > 0 && random.Next(2) == 0 ? Pick(disk.Snapshots) : null, random.Next(2) == 0);
        if (await Post($"back up {Short(disk.Id)} {snapshot?.Id[..8]}, incremental {incremental}", "backups",
                new { backup = new { volume_id = disk.Id, snapshot_id = snapshot?.Id, incremental } }) is not { } answer) return;
        var id = (string)answer["backup"]!["id"]!;
        backups.Add(new(id, snapshot?.SizeGb ?? disk.SizeGb, snapshot?.Content ?? disk.Content));
    }

    async Task Restore(Disk disk, Saved backup)
    {
        if (disks.Count < MostVolumes && random.Next(3) == 0)
        {
            if (await Post($"restore {Short(backup.Id)} to a new volume", $"backups/{backup.Id}/restore", new { restore = new { } }) is { } made)
                disks.Add(new((string)made["restore"]!["volume_id"]!, backup.SizeGb, backup.Content));
        }
        else if (backup.SizeGb <= disk.SizeGb && await Post($"restore {Short(backup.Id)} to {Short(disk.Id)}", $"backups/{backup.Id}/restore",
            new { restore = new { volume_id = disk.Id } }) is not null)
            disk.Content = backup.Content;
    }

    async Task DeleteBackup(Saved backup)
    {
        if (await Send($"delete backup {Short(backup.Id)}", HttpMethod.Delete, $"backups/{backup.Id}") is not null) backups.Remove(backup);
    }

    async Task Delete(Disk disk)
    {
        var cascade = random.Next(2) == 0;
        if (await Send($"delete {Short(disk.Id)}, cascade {cascade}", HttpMethod.Delete, $"volumes/{disk.Id}?cascade={cascade}") is not null)
            disks.Remove(disk);
    }

    Task DeleteAny()
    {
        if (disks.Count == 0 || (backups.Count > 0 && random.Next(2) == 0)) return backups.Count > 0 ? DeleteBackup(Pick(backups)) : Task.CompletedTask;
        var disk = Pick(disks);
        return disk.Snapshots.Count > 0 && random.Next(2) == 0 ? DeleteSnapshot(disk, Pick(disk.Snapshots)) : Delete(disk);
    }

    async Task<bool> Act(string what, Disk disk, string action, object body) =>
        await Send(what, HttpMethod.Post, $"volumes/{disk.Id}/action", new Dictionary<string, object> { [action] = body }) is not null;

    Task<JsonNode?> Post(string what, string path, object body) => Send(what, HttpMethod.Post, path, body);

    /// <summary>Asks; null where it is refused, since something else is under way.</summary>
    async Task<JsonNode?> Send(string what, HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await daemon.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        told.Add($"{what}: {(answer.IsSuccessStatusCode ? "accepted" : text)}");
        if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Conflict) { refused++; return null; }
        Assert.True(answer.IsSuccessStatusCode, $"{what}: {answer.StatusCode} {text}");
        accepted++;
        return text.Length > 0 ? JsonNode.Parse(text)! : new JsonObject();
    }

    /// <summary>As a host does that has it attached: at the file with which it begins.</summary>
    async Task Write(Disk disk)
    {
        var runs = new List<(int, int, byte)>();
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var (count, value) = (random.Next(1, 33), random.Next(5) == 0 ? (byte)0 : (byte)random.Next(1, 256));
            // Near to each other in some places, so that they overlap; and at the end.
            var block = random.Next(6) == 0 ? disk.SizeGb * BlocksPerGb - count : random.Next(disk.SizeGb * 6) * (BlocksPerGb / 6) + random.Next(64);
            runs.Add((block, count, value));
            var content = disk.Content.ToBuilder();
            for (var b = block; b < block + count; b++)
                if (value == 0) content.Remove(b);
                else content[b] = value;
            disk.Content = content.ToImmutable();
        }
        told.Add($"write to {Short(disk.Id)}: {string.Join(' ', runs)}");
        var share = ShareOf(disk);
        await share.Write(share.OfVolume(disk.FileId)[0], runs);
    }

    SharedDisk ShareOf(Disk disk) => shares[disk.Pool.Split('#')[1]];

    /// <summary>Waits until nothing is under way; then everything is as it was asked for, and nothing else is there.</summary>
    async Task Settle()
    {
        Dictionary<string, JsonNode> volumes, snapshots, saved;
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            (volumes, snapshots, saved) = (await List("volumes"), await List("snapshots"), await List("backups"));
            var moving = volumes.Values.Concat(snapshots.Values).Concat(saved.Values).Where(r => !Settled.Contains((string)r["status"]!)).ToList();
            if (moving.Count == 0 && site.Sql("select count(*) from operation where status not in ('done', 'failed')") == 0) break;
            Assert.True(waited.Elapsed < Patience, $"still under way: {string.Join('\n', moving)}");
        }
        Assert.All(volumes.Values.Concat(snapshots.Values).Concat(saved.Values), row => Assert.True((string?)row["status"] == "available", row.ToString()));
        Assert.Equal(0, site.Sql("select count(*) from operation where status = 'failed'"));
        Assert.Equal(disks.Select(d => d.Id).Order(), volumes.Keys.Order());
        Assert.Equal(disks.SelectMany(d => d.Snapshots).Select(s => s.Id).Order(), snapshots.Keys.Order());
        Assert.Equal(backups.Select(b => b.Id).Order(), saved.Keys.Order());
        foreach (var disk in disks)
        {
            var row = volumes[disk.Id];
            Assert.Equal(disk.SizeGb, (int)row["size"]!);
            Assert.Contains((string?)row["migration_status"], (string?[])[null, "success"]);
            (disk.Pool, disk.FileId) = ((string)row["os-vol-host-attr:host"]!, (string?)row["os-vol-mig-status-attr:name_id"] ?? disk.Id);
        }
        foreach (var pool in (await daemon.Http.GetFromJsonAsync<JsonNode>("scheduler-stats/get_pools"))!["pools"]!.AsArray())
        {
            using var answer = await daemon.Http.PostAsJsonAsync("shares/check", new { check = new { pool = (string)pool!["name"]! } });
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode && JsonNode.Parse(text)!["findings"]!.AsArray().All(f => (string?)f!["flaw"] == "kept"), text);
        }
    }

    async Task<Dictionary<string, JsonNode>> List(string what) =>
        (await daemon.Http.GetFromJsonAsync<JsonObject>($"{what}/detail?limit=1000"))![what]!.AsArray().ToDictionary(r => (string)r!["id"]!, r => r!);

    /// <summary>No byte differs, and every file is one that something stands on.</summary>
    async Task Check()
    {
        told.Add("check");
        var wanted = shares.ToDictionary(s => s.Value, _ => new HashSet<string>());
        foreach (var disk in disks)
        {
            var (share, about) = (ShareOf(disk), $"volume {Short(disk.Id)}");
            var files = share.OfVolume(disk.FileId);
            Assert.InRange(files.Count, 1, MaxDepth);
            Assert.Equal(disk.SizeGb * (1L << 30), share.Size(files[0]));
            await share.IsSound(files[0]);
            Want(files);
            Same(disk.Content, await share.Read(files[0]), $"{about} ({string.Join(" on ", files)})");
            Assert.Subset(disk.Snapshots.Select(s => s.Id).ToHashSet(), share.Noted(disk.FileId).ToHashSet());
            foreach (var snapshot in disk.Snapshots)
            {
                var frozen = share.OfSnapshot(disk.FileId, snapshot.Id);
                Assert.Equal(snapshot.SizeGb * (1L << 30), share.Size(frozen[0]));
                Want(frozen);
                Same(snapshot.Content, await share.Read(frozen[0]), $"snapshot {Short(snapshot.Id)} of {about}");
            }

            void Want(List<string> names)
            {
                foreach (var name in names)
                {
                    wanted[share].Add(name);
                    // What a volume's files are may be noted; of one that is gone and others stand on, it is.
                    if (!name.StartsWith("volume-", StringComparison.Ordinal)) continue;
                    var info = $"{name[..43]}.info";
                    if (name[7..43] != disk.FileId || share.Names().Contains(info)) wanted[share].Add(info);
                }
            }
        }
        foreach (var (share, names) in wanted)
        {
            names.UnionWith(share.Replaced());
            Assert.Equal(names.Order(), share.Names().Order());
            Assert.InRange(await share.Room(), 0, (names.Count + 1) * MostRoom);
        }
    }

    static void Same(ImmutableDictionary<int, byte> wanted, ImmutableDictionary<int, byte> found, string what)
    {
        var differ = wanted.Keys.Union(found.Keys).Where(b => wanted.GetValueOrDefault(b) != found.GetValueOrDefault(b)).Order().ToList();
        Assert.True(differ.Count == 0, $"{what}: {differ.Count} blocks differ: "
            + string.Join(' ', differ.Take(20).Select(b => $"{b}: {wanted.GetValueOrDefault(b)} became {found.GetValueOrDefault(b)},")));
    }
}
