using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Clinker.Host;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>
/// Volumes on a real GlusterFS that virtual machines have in a real QEMU, the published daemon, and a Nova by which they help each other. What is in
/// each volume and in each snapshot is known, and compared with what lies on the share.
/// </summary>
sealed class UsedVolumes : IAsyncDisposable
{
    public const int MaxDepth = 8;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    /// <summary>When nobody has asked for a snapshot, nobody will: see docs/adr/0010, Asked once.</summary>
    static readonly TimeSpan Unasked = TimeSpan.FromSeconds(3);

    readonly List<string> said = [];
    /// <summary>Where the files are without GlusterFS between: by a mount, what was written by way of another one may be seen a second later.</summary>
    readonly string brick;
    int seeds;

    UsedVolumes(Site site, string brick)
    {
        Site = site;
        Host = new(site);
        Daemon = Host.Daemon = site.Daemon();
        Share = new(brick, site.Folder);
        this.brick = brick;
    }

    public Site Site { get; }
    public ComputeHost Host { get; }
    public Daemon Daemon { get; }
    public SharedDisk Share { get; }
    public List<Used> Volumes { get; } = [];

    /// <summary>How often the daemon was killed.</summary>
    public int Kills { get; private set; }

    /// <summary>Has the daemon killed in the midst of each act, after so many milliseconds; null: it is not.</summary>
    public Func<int>? KilledAfter { get; set; }

    /// <param name="qcow2">Whether volumes are images from the beginning.</param>
    public static async Task<UsedVolumes> Up(bool qcow2)
    {
        Assert.SkipWhen(!File.Exists(QemuProcess.Program) && Environment.GetEnvironmentVariable("CI") != "true", "qemu-system-common is not installed: ./dev deps");
        var site = await Site.Up(more: Walks.Settings(qcow2, MaxDepth));
        var all = new UsedVolumes(site, (await site.Gluster("brick")).Trim());
        await File.AppendAllTextAsync(site.Config, all.Host.Nova.Section());
        await all.Daemon.Start();
        return all;
    }

    /// <summary>A volume of which it is known what is in it.</summary>
    public sealed class Used(string id, long[] content)
    {
        public string Id => id;
        public int SizeGb => (By?.Guest.Size ?? Content.Length) / Places.PerGb;

        /// <summary>While nobody has it.</summary>
        public long[] Content { get; set; } = content;
        public List<Taken> Snapshots { get; } = [];

        /// <summary>Who has it.</summary>
        public Machine? By { get; set; }

        public override string ToString() => id[..8];
    }

    public sealed record Taken(string Id, long[] Content);

    void Say(string what) => said.Add($"{Stopwatch.GetTimestamp() / Stopwatch.Frequency % 10000} {what}");

    /// <summary>What has been done, and what came of it.</summary>
    public string Story() => $"{string.Join('\n', said.TakeLast(60))}\nthe host:\n{string.Join('\n', Host.Log.TakeLast(40))}\n{Daemon.LogsEnd(5000)}";

    public async Task<Used> Create(int sizeGb = 1)
    {
        var id = (string)(await Post("volumes", new { volume = new { size = sizeGb } }))!["volume"]!["id"]!;
        await Settle();
        return Add(id, new long[sizeGb * Places.PerGb]);
    }

    Used Add(string id, long[] content)
    {
        var one = new Used(id, content);
        Volumes.Add(one);
        return one;
    }

    public async Task Start(Used one)
    {
        Say($"start with {one}");
        one.By = await Host.Start(one.Id, one.Content, ++seeds);
    }

    public async Task Stop(Used one)
    {
        Say($"stop {one}");
        one.Content = await Host.Stop(one.By!);
        one.By = null;
        await Settle();
        await Check(one);
    }

    /// <summary>Lets the guests write for a while.</summary>
    public async Task Written(int count = 30)
    {
        foreach (var guest in Volumes.Where(v => v.By is { IsDown: false }).Select(v => v.By!.Guest))
            for (var (from, waited) = (guest.Count, Stopwatch.StartNew()); Math.Abs(guest.Count - from) < count && !guest.HasFailed; await Task.Delay(5))
                Assert.True(waited.Elapsed < Patience, "the guest does not write");
    }

    /// <summary>Takes a snapshot; null where it did not succeed, of which nothing is left then.</summary>
    public async Task<Taken?> Take(Used one)
    {
        var from = one.By?.Guest.AtLeast();
        var id = (string)(await Act($"snapshot of {one}", () => Post("snapshots", new { snapshot = new { volume_id = one.Id } })))!["snapshot"]!["id"]!;
        var status = (string)(await Daemon.Http.GetFromJsonAsync<JsonNode>($"snapshots/{id}"))!["snapshot"]!["status"]!;
        Say($"  {id} is {status}");
        if (status == "available")
        {
            var to = one.By?.Guest.AtMost();
            var content = await Read(Share.OfSnapshot(one.Id, id)[0], $"snapshot {id} of {one}");
            if (one.By is { IsDown: false } by) by.Guest.WasAtOneMoment(content, from!, to!, $"snapshot {id} of {one}");
            else if (one.By is null) Places.Same(one.Content, content, $"snapshot {id} of {one}");
            one.Snapshots.Add(new(id, content));
            return one.Snapshots[^1];
        }
        Assert.Equal("error", status);
        await Act($"delete failed snapshot {id}", () => Send(HttpMethod.Delete, $"snapshots/{id}"));
        return null;
    }

    public async Task Delete(Used one, Taken snapshot)
    {
        await Act($"delete snapshot {snapshot.Id} of {one}", () => Send(HttpMethod.Delete, $"snapshots/{snapshot.Id}"));
        Assert.Equal(HttpStatusCode.NotFound, (await Daemon.Http.GetAsync(new Uri($"snapshots/{snapshot.Id}", UriKind.Relative))).StatusCode);
        one.Snapshots.Remove(snapshot);
        Say($"  files: {string.Join(' ', Share.OfVolume(one.Id))}");
    }

    /// <summary>The volume's files that it does not stand on.</summary>
    public IEnumerable<string> Left(Used one) =>
        Share.Names().Where(n => n.StartsWith($"volume-{one.Id}", StringComparison.Ordinal)).Except(Share.OfVolume(one.Id)).Except([$"volume-{one.Id}.info"]);

    /// <summary>Makes the volume larger; whether it is.</summary>
    public async Task<bool> Extend(Used one, int toGb)
    {
        await Act($"extend {one} to {toGb}", () => Post($"volumes/{one.Id}/action", new Dictionary<string, object> { ["os-extend"] = new { new_size = toGb } }));
        var size = (int)(await Daemon.Show(one.Id))!["size"]!;
        Say($"  it has {size} GiB");
        if (size == toGb && one.Content.Length < toGb * Places.PerGb) one.Content = [.. one.Content, .. new long[toGb * Places.PerGb - one.Content.Length]];
        return size == toGb;
    }

    /// <summary>Backs a volume up, and looks what is in that; whether it succeeded.</summary>
    public async Task<bool> BackUp(Used one)
    {
        var from = one.By?.Guest.AtLeast();
        var id = (string)(await Act($"back up {one}", () => Post("backups", new { backup = new { volume_id = one.Id, force = true } })))!["backup"]!["id"]!;
        var to = one.By?.Guest.AtMost();
        var row = (await Daemon.Http.GetFromJsonAsync<JsonNode>($"backups/{id}"))!["backup"]!;
        Say($"  {row["status"]} {row["fail_reason"]}");
        var made = (string)row["status"]! == "available";
        if (made)
        {
            var volume = (string)(await Act($"restore {id}", () => Post($"backups/{id}/restore", new { restore = new { } })))!["restore"]!["volume_id"]!;
            var content = await Read(Share.OfVolume(volume)[0], $"backup of {one}");
            if (one.By is { IsDown: false } by) by.Guest.WasAtOneMoment(content, from!, to!, $"backup of {one}");
            else if (one.By is null) Places.Same(one.Content, content, $"backup of {one}");
            await Act($"delete {volume}", () => Send(HttpMethod.Delete, $"volumes/{volume}"));
        }
        await Act($"delete backup {id}", () => Send(HttpMethod.Delete, $"backups/{id}"));
        return made;
    }

    public async Task<Used> Clone(Used one, Taken snapshot)
    {
        var made = await Act($"volume of snapshot {snapshot.Id} of {one}", () => Post("volumes", new { volume = new { snapshot_id = snapshot.Id } }));
        var clone = Add((string)made!["volume"]!["id"]!, (long[])snapshot.Content.Clone());
        Say($"  {clone}");
        return clone;
    }

    /// <summary>Flattens a volume; how many files it has then.</summary>
    public async Task<int> Flatten(Used one)
    {
        await Act($"flatten {one}", () => Post($"volumes/{one.Id}/action", new Dictionary<string, object> { ["os-flatten"] = new { } }));
        var files = Share.OfVolume(one.Id);
        Say($"  files: {string.Join(' ', files)}");
        return files.Count;
    }

    public async Task Delete(Used one)
    {
        await Act($"delete {one}", () => Send(HttpMethod.Delete, $"volumes/{one.Id}?cascade=true"));
        Volumes.Remove(one);
    }

    public async Task Crash(Used one)
    {
        Say($"crash {one}");
        await Host.Crash(one.By!);
    }

    /// <summary>Starts what is down again.</summary>
    public async Task Restart(Used one)
    {
        Say($"restart {one}");
        await Host.Restart(one.By!);
    }

    /// <summary>Asks, kills the daemon meanwhile if that is to be, and waits until nothing is under way.</summary>
    async Task<JsonNode?> Act(string what, Func<Task<JsonNode?>> ask)
    {
        Say(what);
        var answer = await ask();
        if (KilledAfter?.Invoke() is { } after)
        {
            await Task.Delay(after);
            await Daemon.Kill();
            Say($"  killed after {after} ms");
            Kills++;
            await Daemon.Start();
        }
        await Settle();
        return answer;
    }

    Task<JsonNode?> Post(string path, object body) => Send(HttpMethod.Post, path, body);

    async Task<JsonNode?> Send(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await Daemon.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {answer.StatusCode} {text}");
        return text.Length > 0 ? JsonNode.Parse(text)! : new JsonObject();
    }

    /// <summary>Waits until nothing is under way.</summary>
    public async Task Settle()
    {
        for (var waited = Stopwatch.StartNew(); Site.Sql("select count(*) from operation where status not in ('done', 'failed')") > 0; await Task.Delay(20))
        {
            Assert.True(waited.Elapsed < Patience, "something is still under way");
            await Host.HasNotFailed();
            if (waited.Elapsed < Unasked) continue;
            // It was killed between its journal and the asking: it can't know. Who sees that nobody was asked says so.
            foreach (var id in Site.Texts("""
                select case when about_kind = 'snapshot' then about_id else id end from operation where status not in ('done', 'failed')
                and id in (select operation from journal where step = 'file' and event = 'done') and id not in (select operation from journal where step = 'word')
                """).Except(Host.AskedFor))
            {
                Say($"  nobody was asked for {id}");
                await Host.Say(id, "error");
            }
        }
        await Host.Idle();
    }

    Task<long[]> Read(string name, string what) => Places.Read(Path.Combine(brick, name), Share.Format(name), Site.Folder, what);

    /// <summary>All is on the share as it is known, and nothing else: of a volume that is in use, its snapshots.</summary>
    public async Task Check(Used one)
    {
        if (one.By is null)
        {
            Places.Same(one.Content, await Read(Share.OfVolume(one.Id)[0], $"{one}"), $"{one}");
            await Share.IsSound(Share.OfVolume(one.Id)[0]);
        }
        // One that would have made the chain too long is a file of its own.
        var copies = one.Snapshots.Select(s => s.Id).Where(id => Share.Names().Contains($"snapshot-{id}"));
        Assert.Equal(one.Snapshots.Select(s => s.Id).Order(), Share.Noted(one.Id).Concat(copies).Order());
        foreach (var (id, content) in one.Snapshots) Places.Same(content, await Read(Share.OfSnapshot(one.Id, id)[0], $"{id}"), $"snapshot {id} of {one}");
    }

    public async Task Check()
    {
        Say("check");
        foreach (var one in Volumes) await Check(one);
        var pool = (string)(await Daemon.Http.GetFromJsonAsync<JsonNode>("scheduler-stats/get_pools"))!["pools"]![0]!["name"]!;
        var found = await Post("shares/check", new { check = new { pool } });
        // A merge that nobody heard the end of, as when the daemon was killed and asked again, leaves a note; the next delete sees to it.
        Assert.True(found!["findings"]!.AsArray().All(f => (string?)f!["level"] == "note" && (string?)f["flaw"] is "unused" or "kept"), found.ToString());
    }

    /// <summary>Shuts all down, compares all, and deletes it: no file is left then.</summary>
    public async Task End()
    {
        KilledAfter = null;
        foreach (var one in Volumes.Where(v => v.By is not null)) await Stop(one);
        await Check();
        foreach (var one in Volumes.ToList()) await Delete(one);
        Assert.Empty(Share.Names());
        Assert.Equal(0, Site.Sql("select coalesce(sum(in_use), 0) from quota_usage") + Site.Sql("select count(*) from hold"));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Daemon.DisposeAsync();
        await Site.DisposeAsync();
    }
}
