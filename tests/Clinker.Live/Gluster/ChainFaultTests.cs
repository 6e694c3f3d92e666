using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>
/// Storage that fails while files are put on each other, or into each other. A model knows what is to be in each volume and snapshot; when
/// storage is back, it is, and the check of the pool finds nothing.
/// </summary>
public sealed class ChainFaultTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);
    readonly Ids ids = new();
    readonly List<Disk> disks = [];
    GlusterDriver driver = null!;

    /// <param name="Content">By MiB: with what it was filled.</param>
    sealed record Disk(Volume Volume, Dictionary<int, byte> Content)
    {
        public Volume Volume { get; set; } = Volume;
        public Dictionary<Snapshot, Dictionary<int, byte>> Snapshots { get; } = [];
    }

    static GlusterOptions Impatient(GlusterOptions o) => o with { ActDeadline = TimeSpan.FromSeconds(2), MountRetryMost = TimeSpan.FromSeconds(2) };

    async Task<Disk> Create(string share)
    {
        var volume = NewVolume(share);
        var made = await driver.Create(volume, Under());
        disks.Add(new(volume with { ProviderLocation = made.ProviderLocation, Format = made.Format, Status = VolumeStatus.Available }, []));
        return disks[^1];
    }

    async Task<(string Path, string Format)> File(Disk disk)
    {
        using var told = System.Text.Json.JsonDocument.Parse((await driver.Connect(disk.Volume, new("compute1", "{}"), Under())).Data);
        return (Path.Combine(MountPoint(disk.Volume.Pool!), told.RootElement.GetProperty("name").GetString()!), told.RootElement.GetProperty("format").GetString()!);
    }

    /// <summary>Writes as a virtual machine does.</summary>
    async Task Write(Disk disk, byte fill, int at, int mib)
    {
        var (path, format) = await File(disk);
        var said = await Sh($"qemu-io -f {format} -c 'write -P {fill} {at}M {mib}M' -c flush {path}");
        Assert.True(said.Contains($"wrote {mib << 20}", StringComparison.Ordinal), said);
        for (var i = 0; i < mib; i++) disk.Content[at + i] = fill;
    }

    async Task<Disk> Clone(Disk of, string share)
    {
        var volume = NewVolume(share) with { SourceVolumeId = of.Volume.Id };
        var made = await driver.CreateFromVolume(volume, of.Volume, Operation());
        disks.Add(new(volume with { ProviderLocation = made.ProviderLocation, Format = made.Format, Status = VolumeStatus.Available }, new(of.Content)));
        return disks[^1];
    }

    Snapshot SnapshotOf(Disk disk) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", VolumeId = disk.Volume.Id, SizeGb = 1, Status = SnapshotStatus.Available, CreatedAt = DateTime.UnixEpoch,
    };

    async Task<Snapshot> Take(Disk disk)
    {
        var snapshot = SnapshotOf(disk);
        await driver.CreateSnapshot(disk.Volume, snapshot, Operation());
        disk.Snapshots[snapshot] = new(disk.Content);
        return snapshot;
    }

    /// <summary>All is there, and nothing else.</summary>
    /// <param name="but">Snapshots that are being deleted.</param>
    async Task AllIsWell(string share)
    {
        foreach (var disk in disks)
        {
            await using (var content = await driver.Read(disk.Volume, Under())) await Same(disk.Content, content, $"volume {disk.Volume.Id}");
            foreach (var (snapshot, kept) in disk.Snapshots)
                await using (var content = await driver.Read(disk.Volume, snapshot, Under())) await Same(kept, content, $"snapshot {snapshot.Id}");
            var (path, format) = await File(disk);
            if (format == "qcow2") Assert.Contains("No errors", await Sh($"qemu-img check -f qcow2 {path}"), StringComparison.Ordinal);
        }
        var rows = new PoolRows(disks.ToDictionary(d => d.Volume.Id, d => new VolumeRow(d.Volume,
            [.. d.Snapshots.Keys])), new HashSet<string>(), new HashSet<string>());
        Assert.Empty((await driver.Check(share, () => Task.FromResult(rows), Token)).Select(f => $"{f.Flaw} {f.File} {f.Said}"));
    }

    static async Task Same(Dictionary<int, byte> wanted, Content content, string what)
    {
        var piece = new byte[1 << 20];
        byte Of(int mib) => wanted.GetValueOrDefault(mib);
        // Where one thing ends and another begins.
        foreach (var at in Enumerable.Range(0, 1024).Where(i => Of(i) != Of(i - 1) || Of(i) != Of(i + 1) || i % 100 == 99))
        {
            await content.Read((long)at << 20, piece);
            Assert.True(!piece.AsSpan().ContainsAnyExcept(Of(at)), $"{what}: MiB {at} is not as it was written");
        }
    }

    /// <summary>An operation's lease, the first.</summary>
    Work Operation(Func<Task>? confirm = null) => new(1, Token, confirm, ids.New());

    /// <summary>Tries as the engine does, each time under the next lease; meanwhile only faults that may pass are allowed.</summary>
    static async Task GoesOn(Func<Work, Task> act, Work after)
    {
        await Within(Soon, async () =>
        {
            after = after with { Generation = after.Generation + 1, Confirm = null };
            try { await act(after); return true; }
            catch (FaultException e) when (e.Fault.Transient) { return false; }
        }, "it is done in the end");
    }

    /// <summary>Has storage fail at points at which the act asks for its lease, one after the other, and come back.</summary>
    /// <param name="strike">By the number of the point.</param>
    /// <param name="prepare">Makes what is acted on.</param>
    /// <param name="first">The point to begin with.</param>
    /// <param name="points">How many at most.</param>
    async Task AtPoints(string share, Func<int, Task> strike, Func<int, Task> mend, Func<Task<Func<Work, Task>>> prepare, int first, int points)
    {
        for (var point = first; point - first < points; point++)
        {
            var act = await prepare();
            var (left, struck) = (point, false);
            var work = Operation(async () =>
            {
                if (left-- > 0) return;
                if (!struck) await strike(point);
                struck = true;
            });
            try
            {
                await act(work);
                if (!struck) break;
            }
            catch (FaultException e) when (struck) { Assert.True(e.Fault.Transient, $"point {point}: {e.Fault.Message}\n{string.Join('\n', Log.All.TakeLast(5))}"); }
            await mend(point);
            await GoesOn(act, work);
            await AllIsWell(share);
        }
    }

    /// <summary>A snapshot goes, with data to be put into the file under it, and one above it.</summary>
    async Task<Func<Work, Task>> Merge(Disk disk, int mib = 8)
    {
        await Write(disk, (byte)(disk.Content.Count + 1), disk.Content.Count, 2);
        var snapshot = await Take(disk);
        await Write(disk, (byte)(disk.Content.Count + 1), disk.Content.Count, mib);
        await Take(disk);
        await Write(disk, (byte)(disk.Content.Count + 1), 1, 2);
        disk.Snapshots.Remove(snapshot);
        return w => driver.DeleteSnapshot(disk.Volume, snapshot, w);
    }

    /// <summary>Has storage fail a moment after a merge has begun to write.</summary>
    async Task InTheMidst(string share, Func<Task> strike, Func<Task> mend, Disk disk)
    {
        var struck = Task.CompletedTask;
        await AtPoints(share, _ => { struck = Later(); return Task.CompletedTask; }, async _ => { await struck; await mend(); },
            () => Merge(disk, mib: 48), first: 1, points: 1);

        async Task Later()
        {
            await Task.Delay(100, Token);
            await strike();
        }
    }

    [Fact]
    public async Task A_delete_that_merges_goes_on_when_its_brick_is_back()
    {
        driver = await Driver(Impatient, Vol1);
        var disk = await Create(Vol1);
        await AtPoints(Vol1, _ => Node.Do("brick-kill", "vol1"), _ => Node.Do("brick-start", "vol1"), () => Merge(disk), first: 1, points: 1);
        // And in the midst of it: what was put under already is covered all the same.
        await InTheMidst(Vol1, () => Node.Do("brick-kill", "vol1"), () => Node.Do("brick-start", "vol1"), disk);
    }

    [Fact]
    public async Task On_a_full_share_nothing_is_half_done_and_all_goes_on_when_there_is_room()
    {
        driver = await Driver(null, Small);
        var disk = await Create(Small);
        await Write(disk, 1, 0, 40);
        var first = await Take(disk);
        await Write(disk, 2, 30, 60);
        var second = await Take(disk);
        await Write(disk, 3, 80, 20);
        await Node.Do("fill", "small", "0");
        Assert.Contains("No space left", await Sh($"dd if=/dev/zero of={MountPoint(Small)}/xfiller bs=4k conv=fsync"), StringComparison.Ordinal); // to the last block
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.CreateSnapshot(disk.Volume, SnapshotOf(disk), Operation())));
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.CreateFromVolume(NewVolume(Small), disk.Volume, Operation())));
        await Freed();

        // Room for the notes, and not for what is to be put into the file under it.
        await Node.Do("fill", "small", "8");
        disk.Snapshots.Remove(first);
        await driver.DeleteSnapshot(disk.Volume, first, Operation()); // that is all a user asked for: its files may stay apart
        await AllIsWell(Small);
        await Freed();
        Assert.Equal(disk.Volume.Id, Assert.Single(await driver.FindUntidy(Small, [disk.Volume], Token)).VolumeId);
        await driver.Tidy(disk.Volume, flatten: false, Operation());
        Assert.Empty(await driver.FindUntidy(Small, [disk.Volume], Token));
        await AllIsWell(Small);

        var clone = await Clone(disk, Small);
        await Node.Do("fill", "small", "8");
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.Flatten(clone.Volume, Operation())));
        await driver.Abandon(clone.Volume, Operation()); // as its operation undoes it
        await AllIsWell(Small);
        await Freed();
        await driver.Flatten(clone.Volume, Operation());
        disk.Snapshots.Remove(second);
        await driver.DeleteSnapshot(disk.Volume, second, Operation());
        await AllIsWell(Small);

        // A brick looks at its disk's room every five seconds (storage.reserve).
        async Task Freed()
        {
            await Node.Do("unfill", "small");
            await Sh($"rm -f {MountPoint(Small)}/xfiller");
            var probe = NewVolume(Small);
            await Within(Soon, async () =>
            {
                try { await driver.Create(probe, Under()); return true; }
                catch (FaultException e) when (e.Fault is Fault.ShareFull) { return false; }
            }, "there is room again");
            await driver.Delete(probe, Under());
            await AllIsWell(Small);
        }
    }

    /// <param name="what">That hangs: the brick, or the client that has the share mounted.</param>
    [Theory]
    [InlineData("brick")]
    [InlineData("client")]
    public async Task A_delete_that_merges_goes_on_when_its_share_answers_again(string what)
    {
        driver = await Driver(Impatient, Vol1);
        var disk = await Create(Vol1);
        await AtPoints(Vol1, _ => Hang("STOP"), _ => Hang("CONT"), () => Merge(disk), first: 0, points: 4);
        // And in the midst of it.
        await InTheMidst(Vol1, () => Hang("STOP"), () => Hang("CONT"), disk);

        async Task Hang(string signal)
        {
            if (what == "brick") await Node.Do(signal == "STOP" ? "brick-hang" : "brick-resume", "vol1");
            else foreach (var client in await Clients(Vol1)) await Sh($"kill -{signal} {client.Process}");
        }
    }

    [Fact]
    public async Task A_share_that_has_lost_its_quorum_goes_on_when_it_has_it_again()
    {
        await Node.Do("add", "rep", "replica");
        var share = Node.Share("rep");
        try
        {
            driver = await Driver(Impatient, share);
            var disk = await Create(share);
            await AtPoints(share, _ => Node.Do("brick-kill", "rep", "2"), _ => Node.Do("brick-start", "rep"), () => Merge(disk),
                first: 1, points: 1); // as one file is to be put into the other
        }
        finally { await NoMore("rep"); }
    }

    [Fact]
    public async Task A_brick_is_replaced_while_files_are_put_together_and_copied()
    {
        await Node.Do("add", "rep", "replica");
        var share = Node.Share("rep");
        try
        {
            driver = await Driver(null, share);
            var disk = await Create(share);
            var bricks = await Node.Brick("rep");
            var replaced = 0;
            Task Replace() => Node.Do("gluster", "volume", "replace-brick", "rep",
                $"{Node.Address}:{bricks}/{++replaced}", $"{Node.Address}:{bricks}/{replaced + 3}", "commit", "force");
            await AtPoints(share, _ => Replace(), _ => Healed(), () => Merge(disk), first: 1, points: 1);
            var clone = await Clone(disk, share);
            await AtPoints(share, _ => Replace(), _ => Healed(), () => Task.FromResult<Func<Work, Task>>(w => driver.Flatten(clone.Volume, w)), first: 0, points: 1);
            Assert.Equal(2, replaced);
        }
        finally { await NoMore("rep"); }

        // What a brick still has to give to others, it has a name of here.
        Task Healed() => Within(Soon, async () => (await Sh($"ls {await Node.Brick("rep")}/*/.glusterfs/indices/xattrop | grep -v -e xattrop- -e : -e '^$'")).Length == 0,
            "the new brick has all");
    }

    [Fact]
    public async Task What_is_in_split_brain_is_told_and_left_as_it_is_until_somebody_has_chosen()
    {
        await Node.Do("add", "rep", "replica");
        var share = Node.Share("rep");
        try
        {
            foreach (var option in (string[])["cluster.quorum-type none", "cluster.self-heal-daemon off", "cluster.data-self-heal off",
                "cluster.metadata-self-heal off", "cluster.entry-self-heal off", "performance.write-behind off"])
                await Node.Do(["gluster", "volume", "set", "rep", .. option.Split(' ')]);
            driver = await Driver(null, share);
            var (torn, whole) = (await Create(share), await Create(share));
            await Write(torn, 1, 0, 4);
            await Write(whole, 2, 0, 4);
            var bricks = await Node.Brick("rep");
            var name = $"volume-{torn.Volume.Id}";
            // Each side has what the other has not: the third brick alone is written to, then the other two.
            await Node.Do("brick-kill", "rep", "2");
            await Elsewhere(3, on: "3", blamed: 0);
            await Node.Do("brick-start", "rep");
            await Sh($"pkill -KILL -f 'brick-name {bricks}/3'");
            await Elsewhere(4, on: "1", blamed: 2);
            await Node.Do("brick-start", "rep");
            var before = await Sh($"cd {bricks}/1 && ls -l --time-style=full-iso volume-* | sort && sha256sum {name}");
            try { await Within(Soon, async () => (await Sh($"cat {MountPoint(share)}/{name} > /dev/null")).Contains("Input/output error", StringComparison.Ordinal), "the file is in split brain"); }
            catch (Exception e) { Assert.Fail($"{e.Message}\n{await Sh($"cd {bricks} && getfattr -d -m trusted.afr -e hex ?/{name}; sha256sum ?/{name}; cat {MountPoint(share)}/{name} | sha256sum")}\n{await Node.Do("gluster", "volume", "status", "rep")}"); }

            Func<Task>[] acts =
            [
                () => driver.CreateFromVolume(NewVolume(share), torn.Volume, Operation(), full: true),
                () => driver.Extend(torn.Volume, 2, Operation()),
                () => Read(torn.Volume),
            ];
            foreach (var act in acts)
            {
                var fault = await FaultOf(act);
                Assert.True(fault is Fault.BackendDown && fault.Message.Contains("Input/output error", StringComparison.Ordinal), fault.Message);
            }
            Assert.Equal(before, await Sh($"cd {bricks}/1 && ls -l --time-style=full-iso volume-* | sort && sha256sum {name}"));
            disks.Remove(torn);
            await Take(whole); // others go on
            disks.Add(torn);

            // The first two bricks no longer say that the third lacks something.
            Assert.Equal("", await Sh($"setfattr -n trusted.afr.rep-client-2 -v 0x000000000000000000000000 {bricks}/1/{name} {bricks}/2/{name}"));
            foreach (var option in (string[])["cluster.data-self-heal", "cluster.metadata-self-heal", "cluster.self-heal-daemon"])
                await Node.Do("gluster", "volume", "set", "rep", option, "on");
            await Within(Soon, async () => await Sh($"stat {MountPoint(share)}/{name} > /dev/null; head -qc 8M {bricks}/?/{name} | sha256sum")
                == await Sh($"head -qc 8M {bricks}/3/{name} {bricks}/3/{name} {bricks}/3/{name} | sha256sum"), "all have the same");
            torn.Content[1] = byte.Parse(await Sh($"od -An -tu1 -j1M -N1 {bricks}/3/{name}"), System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(torn.Content[1], 3, 4);
            await Within(Soon, async () =>
            {
                try { await Take(torn); return true; }
                catch (FaultException e) when (e.Fault.Transient) { return false; }
            }, "one side was chosen");
            await AllIsWell(share);

            // By another client, which does not know what this one knows. It is let go when the brick knows who lacks what was written.
            async Task Elsewhere(byte fill, string on, int blamed)
            {
                var at = Path.Combine(Root, "elsewhere");
                var said = await Sh($"mkdir -p {at} && mount -t glusterfs {share} {at} && head -c 1M /dev/zero | tr '\\0' '\\{fill}' "
                    + $"| dd of={at}/{name} bs=1M iflag=fullblock seek=1 conv=notrunc,fsync");
                await Within(Soon, async () => (await Sh($"getfattr -n trusted.afr.rep-client-{blamed} -e hex --absolute-names {bricks}/{on}/{name} | grep '=0x0*[1-9a-f]'")) != "",
                    $"brick {on} knows who lacks it");
                await Sh($"umount {at}");
                Assert.Contains("1+0 records out", said, StringComparison.Ordinal);
            }
        }
        finally { await NoMore("rep"); }

        async Task Read(Volume volume)
        {
            await using var content = await driver.Read(volume, Operation());
            await content.Read(1 << 20, new byte[1 << 20]);
        }
    }

    async Task NoMore(string volume)
    {
        await Node.Do("brick-start", volume);
        await Gluster.Node.Unmount(Root);
        await Node.Do("gluster", "volume", "stop", volume, "force");
        await Node.Do("gluster", "volume", "delete", volume);
        await Sh($"rm -rf {await Node.Brick(volume)}");
    }
}
