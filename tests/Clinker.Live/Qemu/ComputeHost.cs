using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Clinker.Host;
using Clinker.Tests.Outside;
using Xunit;

namespace Clinker.Live.Qemu;

/// <summary>What Nova and its host make of what they are asked for next.</summary>
enum Whim
{
    Helps,
    /// <summary>Its API refuses.</summary>
    SaysNo,
    /// <summary>It says that it failed, and has done nothing.</summary>
    Fails,
    /// <summary>It says that it is done, as of a job that failed, and has done nothing.</summary>
    Lies,
    /// <summary>It is at it when QEMU is killed; of a snapshot, it has just gone over.</summary>
    Dies,
    /// <summary>The same, and whether it had gone over nobody heard: it says that it failed.</summary>
    DiesUnheard,
}

/// <summary>A virtual machine with a volume.</summary>
sealed class Machine(string volume, string attachment, WritingGuest guest)
{
    public string Volume => volume;
    public string Attachment => attachment;
    public WritingGuest Guest => guest;
    public QemuProcess Qemu { get; set; } = null!;

    /// <summary>Whether its QEMU was killed, and it was not started again.</summary>
    public bool IsDown { get; set; }
}

/// <summary>
/// A host that mounts shares by itself, where virtual machines have volumes in QEMU, and the Nova by which it is asked. It does what Nova's libvirt
/// driver does (nova/virt/libvirt/driver.py, volume_snapshot_create, volume_snapshot_delete, extend_volume): in that order, with the words that it says
/// of it, and what libvirt makes of it by QEMU's commands.
/// </summary>
sealed class ComputeHost : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), BetweenLooks = TimeSpan.FromMilliseconds(100);

    readonly Site site;
    readonly Ids ids = new();
    readonly ConcurrentDictionary<string, Machine> machines = new();
    readonly ConcurrentBag<Task> atWork = [];
    readonly ConcurrentQueue<string> told = new();
    int processes;

    public ComputeHost(Site site)
    {
        this.site = site;
        Nova.Answers = body => Task.FromResult(Take(body["snapshot"]!));
        Nova.Merges = (id, info) => Task.FromResult(Merge(id, info));
        Nova.Events = body => Task.FromResult(Told(body));
    }

    public FakeNova Nova { get; } = new();

    /// <summary>Whom it tells what came of it.</summary>
    public Daemon Daemon { get; set; } = null!;

    /// <summary>Of the next thing that it is asked for; then it helps again.</summary>
    public Whim Next { get; set; }

    /// <summary>How many bytes a second jobs move: so that it is known that one is under way; 0: any.</summary>
    public long Speed { get; set; }

    /// <summary>What was done here, in words.</summary>
    public IEnumerable<string> Log => told;

    /// <summary>The ids by which a snapshot was asked for.</summary>
    public IEnumerable<string> AskedFor => Nova.Asked.Select(a => (string?)a.Body["snapshot"]?["create_info"]?["snapshot_id"]).OfType<string>();

    string Mount => Path.Combine(site.Folder, "volumes", "compute"); // the site takes it away

    Whim TakeNext()
    {
        var next = Next;
        Next = Whim.Helps;
        return next;
    }

    /// <summary>Gives a volume to a new virtual machine, whose guest begins to write.</summary>
    public async Task<Machine> Start(string volume, long[] content, int seed)
    {
        var attachment = (await Daemon.Post("attachments", new JsonObject
        {
            ["attachment"] = new JsonObject { ["volume_uuid"] = volume, ["instance_uuid"] = ids.New(), ["connector"] = new JsonObject { ["host"] = "compute1" } },
        }.ToJsonString()))["attachment"]!;
        var machine = machines[volume] = new(volume, (string)attachment["id"]!, new(content, seed));
        await Open(machine, attachment["connection_info"]!);
        await Daemon.Post($"attachments/{machine.Attachment}/action", """{"os-complete": {}}""");
        machine.Guest.Run(machine.Qemu.Nbd);
        return machine;
    }

    async Task Open(Machine machine, JsonNode info)
    {
        Assert.Equal("glusterfs", (string?)info["driver_volume_type"]);
        if (!Directory.Exists(Mount))
        {
            Directory.CreateDirectory(Mount);
            var mounted = await Processes.Run("mount", ["-t", "glusterfs", "-o", $"log-file={site.Folder}/compute.log", (string)info["export"]!, Mount], Patience);
            Assert.True(mounted.ExitCode == 0, mounted.Error);
        }
        machine.Qemu = await QemuProcess.Start(Path.Combine(site.Folder, $"q{Interlocked.Increment(ref processes)}"));
        told.Enqueue($"{machine.Volume[..8]} begins with {(string?)info["name"]}, {(string?)info["format"]}");
        await machine.Qemu.Open(Mount, (string)info["name"]!, (string)info["format"]!);
        machine.IsDown = false;
    }

    /// <summary>Shuts a virtual machine down, and lets go of its volume; what is in that then.</summary>
    public async Task<long[]> Stop(Machine machine)
    {
        if (machine.IsDown) await Restart(machine);
        await machine.Guest.Rest();
        await machine.Qemu.Close();
        await machine.Qemu.DisposeAsync();
        machines.TryRemove(machine.Volume, out _);
        using var answer = await Daemon.Http.DeleteAsync(new Uri($"attachments/{machine.Attachment}", UriKind.Relative));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return machine.Guest.Now();
    }

    /// <summary>QEMU ends by SIGKILL.</summary>
    public async Task Crash(Machine machine)
    {
        told.Enqueue($"QEMU of {machine.Volume[..8]} is killed");
        machine.IsDown = true;
        await machine.Qemu.Kill();
        await machine.Guest.Lost();
        await machine.Qemu.DisposeAsync();
    }

    /// <summary>Starts a virtual machine that crashed, with the volume as Nova is told of it now; all that its guest relies on is there.</summary>
    public async Task Restart(Machine machine)
    {
        await Open(machine, (await Attachment(machine))["connection_info"]!);
        await machine.Guest.Recover(machine.Qemu.Nbd);
        machine.Guest.Run(machine.Qemu.Nbd);
    }

    async Task<JsonNode> Attachment(Machine machine) => (await Ask(HttpMethod.Get, $"attachments/{machine.Attachment}"))!["attachment"]!;

    /// <summary>Waits until nothing is under way here; what failed is told.</summary>
    public async Task Idle()
    {
        await Task.WhenAll(atWork).WaitAsync(Patience);
        foreach (var machine in machines.Values) Assert.False(machine.Guest.HasFailed, "the guest has ended");
    }

    /// <summary>Tells at once what has failed.</summary>
    public async Task HasNotFailed() => await Task.WhenAll(atWork.Where(t => t.IsFaulted));

    void Work(Func<Task> act) => atWork.Add(Background.Start(act));

    static readonly (int, string)? No = (400, """{"badRequest": {"code": 400, "message": "not now, please"}}""");

    (int, string)? Take(JsonNode asked)
    {
        var (whim, info) = (TakeNext(), asked["create_info"]!);
        var (machine, id, file) = (machines[(string)asked["volume_id"]!], (string)info["snapshot_id"]!, (string)info["new_file"]!);
        told.Enqueue($"asked for {file}: {whim}");
        if (whim == Whim.SaysNo) return No;
        Work(async () =>
        {
            try
            {
                if (whim is Whim.Fails or Whim.Lies) throw new QemuException("by whim"); // it says of none that it is taken that is not
                if (machine.IsDown) throw new QemuException("the server does not run");
                await machine.Qemu.GoOver(file);
                if (whim == Whim.DiesUnheard) await machine.Guest.Flushed();
                if (whim is Whim.Dies or Whim.DiesUnheard) await Crash(machine);
                if (whim == Whim.DiesUnheard) throw new QemuException("QEMU has gone");
            }
            catch (QemuException e)
            {
                told.Enqueue($"{file}: {e.Message}");
                await Say(id, "error");
                return;
            }
            await Say(id, "creating");
            for (var waited = Stopwatch.StartNew(); ; await Task.Delay(BetweenLooks))
            {
                var seen = await Ask(HttpMethod.Get, $"snapshots/{id}");
                Assert.True(waited.Elapsed < Patience, $"snapshot {id} is creating for ever: {seen}");
                if ((string?)seen?["snapshot"]!["status"] is { } status and not "creating")
                {
                    var name = (string)(await Attachment(machine))["connection_info"]!["name"]!;
                    Assert.True(status == "error" || machine.IsDown || name == machine.Qemu.Files[0], $"{id} is {status}, hosts are told of {name}, and QEMU has {machine.Qemu.Files[0]}");
                    return;
                }
            }
        });
        return (200, """{"snapshot": {"id": "s", "volumeId": "v"} }""");
    }

    (int, string)? Merge(string id, JsonNode info)
    {
        var (whim, machine) = (TakeNext(), machines[(string)info["volume_id"]!]);
        var (file, into) = ((string?)info["file_to_merge"], (string?)info["merge_target_file"]);
        told.Enqueue($"asked to put {file} into {into}: {whim}");
        if (whim == Whim.SaysNo) return No;
        Work(async () =>
        {
            try
            {
                if (whim == Whim.Fails) throw new QemuException("by whim");
                if (machine.IsDown)
                {
                    if (into is not null) throw new QemuException("the server does not run");
                    var named = await Attachment(machine);
                    var done = await Processes.Run("qemu-img", ["rebase", "-f", "qcow2", "-b", "", Path.Combine(Mount, (string)named["connection_info"]!["name"]!)], Patience);
                    if (done.ExitCode != 0) throw new QemuException(done.Error);
                }
                else if (whim != Whim.Lies)
                {
                    machine.Qemu.Speed = whim == Whim.Dies ? 1 << 20 : Speed;
                    var ends = into is null ? await machine.Qemu.Pull() : await machine.Qemu.Commit(file!, into);
                    if (whim == Whim.Dies)
                    {
                        await Task.Delay(300);
                        await Crash(machine);
                    }
                    if (await ends is { } why) told.Enqueue($"{file}: the job ended: {why}");
                    if (machine.IsDown) throw new QemuException("QEMU is gone");
                }
                await Say(id, "deleting");
            }
            catch (QemuException e)
            {
                told.Enqueue($"{file}: {e.Message}");
                await Say(id, "error_deleting");
            }
        });
        return (204, "");
    }

    (int, string)? Told(JsonNode body)
    {
        var whim = TakeNext();
        if (whim == Whim.SaysNo) return (207, FakeNova.Taken(body, 404));
        foreach (var one in body["events"]!.AsArray())
        {
            var machine = machines[(string)one!["tag"]!];
            Work(async () =>
            {
                var size = (int)(await Ask(HttpMethod.Get, $"volumes/{machine.Volume}"))!["volume"]!["size"]!;
                told.Enqueue($"told that {machine.Volume[..8]} has {size} GiB: {whim}");
                if (whim != Whim.Helps)
                {
                    await Ask(HttpMethod.Post, $"volumes/{machine.Volume}/action", new JsonObject { ["os-extend_volume_completion"] = new JsonObject { ["error"] = true } });
                    return;
                }
                await machine.Guest.Rest();
                await machine.Qemu.Resize((long)size << 30);
                machine.Guest.Grow(size);
                machine.Guest.Run(machine.Qemu.Nbd);
            });
        }
        return (200, FakeNova.Taken(body, 200));
    }

    /// <summary>What Nova says of a snapshot; what is answered it only logs.</summary>
    public async Task Say(string snapshot, string status)
    {
        var answer = await Ask(HttpMethod.Post, $"snapshots/{snapshot}/action",
            new JsonObject { ["os-update_snapshot_status"] = new JsonObject { ["status"] = status, ["progress"] = "90%" } });
        told.Enqueue($"said {status} of {snapshot}: {(answer is null ? "refused" : "taken")}");
    }

    /// <summary>Asks until there is an answer; null where it is refused.</summary>
    async Task<JsonNode?> Ask(HttpMethod method, string path, JsonNode? body = null)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(BetweenLooks))
            try
            {
                using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body is null ? null : JsonContent.Create(body) };
                using var answer = await Daemon.Http.SendAsync(request);
                var text = await answer.Content.ReadAsStringAsync();
                return !answer.IsSuccessStatusCode ? null : text.Length > 0 ? JsonNode.Parse(text) : new JsonObject();
            }
            catch (HttpRequestException) when (waited.Elapsed < Patience) { /* the daemon was killed */ }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in machines.Values)
        {
            await machine.Guest.DisposeAsync();
            await machine.Qemu.DisposeAsync();
        }
        try { await Task.WhenAll(atWork).WaitAsync(Patience); }
        catch (Exception e) when (e is not OutOfMemoryException) { /* it was told where it is waited for */ }
        await Nova.DisposeAsync();
    }
}
