using System.Security.Cryptography;
using System.Text.Json;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>What becomes of a user's data when storage fails in the midst of a copy, of a revert or of growing.</summary>
public sealed class CopyFaultTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);
    static readonly string Operation = new Ids().New();

    static new Work Under(long generation = 1) => new(generation, Token, Operation: Operation);

    static Snapshot SnapshotOf(Volume volume) => new()
    {
        Id = new Ids().New(), ProjectId = "p", UserId = "u", VolumeId = volume.Id, SizeGb = 1, Status = SnapshotStatus.Creating, CreatedAt = DateTime.UnixEpoch,
    };

    async Task<string> BrickFile(string share, string name) => Path.Combine(await Node.Brick(share.Split('/')[^1]), name);

    /// <summary>A volume with data, and the hash of what lies on the brick.</summary>
    async Task<(Volume Volume, string Hash)> WithData(GlusterDriver driver, string share, int mib = 120)
    {
        var volume = NewVolume(share);
        var disk = await driver.Create(volume, Under());
        await Fill(volume, "a", mib);
        return (volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available },
            await Hash(share, $"volume-{volume.Id}"));
    }

    async Task Fill(Volume volume, string seed, int mib = 120) => Assert.Equal("", await Sh(
        $"openssl enc -aes-128-ctr -pass pass:{seed} -nosalt -md sha256 </dev/zero 2>/dev/null | dd of={PathOf(volume)} bs=1M count={mib} seek=100 iflag=fullblock conv=notrunc,fsync status=none"));

    /// <summary>What the file on the brick has in its first part, and that there is nothing behind that: to read a GiB of holes takes seconds each time.</summary>
    async Task<string> Hash(string share, string name) =>
        (await Sh($"f={await BrickFile(share, name)}; head -c 256M $f | b2sum; stat -c %s $f; xfs_io -r -c 'seek -d 256M' $f")).Trim();

    static async Task Lies(GlusterDriver driver, string share, int volumes, int snapshots)
    {
        var inventory = await driver.List(share, Token);
        Assert.Equal((volumes, snapshots), (inventory.VolumeIds.Count, inventory.SnapshotIds.Count));
        Assert.Empty(inventory.Litter);
    }

    /// <summary>Tries as the engine does, each time under the next lease; meanwhile only faults that may pass are allowed.</summary>
    static async Task<int> Succeeds(Func<Work, Task> act)
    {
        var generation = 1;
        await Within(Soon, async () =>
        {
            try { await act(Under(++generation)); return true; }
            catch (FaultException e) when (e.Fault.Transient) { return false; }
        }, "it is done in the end");
        return generation;
    }

    [Theory, InlineData("client"), InlineData("mount"), InlineData("brick"), InlineData("hang")]
    public async Task A_copy_that_storage_fails_is_done_again_and_is_whole(string trouble)
    {
        var driver = await Driver(o => o with { CloneMode = CloneMode.Full, ActDeadline = TimeSpan.FromSeconds(3), MountRetryMost = TimeSpan.FromSeconds(2) });
        var (volume, hash) = await WithData(driver, Vol1);
        var snapshot = SnapshotOf(volume);
        var first = driver.CreateSnapshot(volume, snapshot, Under());
        var work = await BrickFile(Vol1, $"snapshot-{snapshot.Id}.g1");
        await Within(Soon, () => Task.FromResult(first.IsCompleted || (File.Exists(work) && new FileInfo(work).Length > 110 << 20)), "it copies");
        Assert.False(first.IsCompleted, "it was over before the trouble: more data is needed");
        switch (trouble)
        {
            case "client": await KillClient(Vol1); break;
            case "mount": await Sh($"umount -l {MountPoint(Vol1)}"); break;
            case "brick": await Node.Do("brick-kill", "vol1"); break;
            case "hang": await Node.Do("brick-hang", "vol1"); break;
        }
        var fault = await FaultOf(() => first);
        Assert.True(fault.Transient, fault.Message);
        await Mounts.Detach(MountPoint(Vol1)); // umount(8) asks what is mounted there, and that may hang
        Assert.Empty(Directory.EnumerateFileSystemEntries(MountPoint(Vol1))); // nothing was written beside the share
        if (trouble == "brick") await Node.Do("brick-start", "vol1");
        if (trouble == "hang") await Node.Do("brick-resume", "vol1");
        await Succeeds(w => driver.CreateSnapshot(volume, snapshot, w));
        await Lies(driver, Vol1, 1, 1);
        Assert.Equal(hash, await Hash(Vol1, $"snapshot-{snapshot.Id}"));
        Assert.Equal(hash, await Hash(Vol1, $"volume-{volume.Id}"));
        // And the way back, cut the same way: the one content or the other at any time.
        await Fill(volume, "b");
        var changed = await Hash(Vol1, $"volume-{volume.Id}");
        var revert = driver.RevertTo(volume, snapshot, Under());
        await Task.Delay(150, Token);
        await KillClient(Vol1);
        try { await revert; }
        catch (FaultException e) when (e.Fault.Transient) { }
        Assert.Contains(await Hash(Vol1, $"volume-{volume.Id}"), new[] { hash, changed });
        await Succeeds(w => driver.RevertTo(volume, snapshot, w));
        Assert.Equal(hash, await Hash(Vol1, $"volume-{volume.Id}"));
        await Lies(driver, Vol1, 1, 1);
        await driver.DeleteSnapshot(volume, snapshot, Under());
    }

    /// <summary>One that stands on a frozen file, and is deleted so, with the brick away in the midst of each.</summary>
    [Fact]
    public async Task A_snapshot_whose_brick_is_away_is_taken_and_deleted_when_it_is_back()
    {
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(3), MountRetryMost = TimeSpan.FromSeconds(2) });
        var (volume, hash) = await WithData(driver, Vol1);
        var snapshot = SnapshotOf(volume);
        foreach (var act in new Func<Work, Task>[] { w => driver.CreateSnapshot(volume, snapshot, w), w => driver.DeleteSnapshot(volume, snapshot, w) })
        {
            await Node.Do("brick-kill", "vol1");
            Assert.True((await FaultOf(() => act(Under()))).Transient);
            await Node.Do("brick-start", "vol1");
            await Succeeds(act);
            Assert.Equal(hash, await Hash(Vol1, $"volume-{volume.Id}"));
        }
        await Lies(driver, Vol1, 1, 0);
        await driver.Delete(volume, Under());
        await Lies(driver, Vol1, 0, 0);
    }

    /// <summary>Its file is open all the while, and so was it on the brick that ended.</summary>
    [Fact]
    public async Task A_content_is_read_on_when_the_brick_is_back_and_what_failed_may_be_repeated()
    {
        const int Piece = 4 << 20, Begin = 100 << 20;
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(10), MountRetryMost = TimeSpan.FromSeconds(2) });
        var (volume, _) = await WithData(driver, Vol1);
        var (there, buffer) = (new byte[Piece], new byte[Piece]);
        await using var brick = File.OpenRead(await BrickFile(Vol1, $"volume-{volume.Id}"));
        await using var content = await driver.Read(volume, Under());
        await Reads(0);
        await Node.Do("brick-kill", "vol1");
        await Node.Do("brick-start", "vol1");
        await Within(Soon, async () => (await Sh($"stat {PathOf(volume)}")).Contains("regular file", StringComparison.Ordinal), "the share answers");
        await Reads(1);
        await Node.Do("brick-kill", "vol1");
        Assert.True((await FaultOf(async () => await content.Read(Begin + 2 * Piece, buffer))).Transient);
        await Node.Do("brick-start", "vol1");
        await Succeeds(async _ => await content.Read(Begin + 2 * Piece, buffer));
        await Reads(2);
        await content.Close();

        async Task Reads(int piece)
        {
            await content.Read(Begin + piece * Piece, buffer);
            brick.Position = Begin + piece * Piece;
            await brick.ReadExactlyAsync(there, Token);
            Assert.True(there.AsSpan().ContainsAnyExcept((byte)0));
            Assert.True(there.AsSpan().SequenceEqual(buffer), $"piece {piece} is not what the brick has");
        }
    }

    [Fact]
    public async Task A_full_share_keeps_what_it_has_and_takes_no_half_of_a_copy()
    {
        var driver = await Driver(o => o with { CloneMode = CloneMode.Full }, Small);
        var (volume, hash) = await WithData(driver, Small, 80);
        var (kept, refused) = (SnapshotOf(volume), SnapshotOf(volume));
        await driver.CreateSnapshot(volume, kept, Under());
        await Fill(volume, "b", 80);
        var changed = await Hash(Small, $"volume-{volume.Id}");
        await Node.Do("fill", "small", "40");
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.CreateSnapshot(volume, refused, Under())));
        await Lies(driver, Small, 1, 1);
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.RevertTo(volume, kept, Under())));
        Assert.Equal(changed, await Hash(Small, $"volume-{volume.Id}"));
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => driver.CreateFromSnapshot(NewVolume(Small), volume, kept, Under())));
        var thick = await Driver(o => o with { CloneMode = CloneMode.Full, Provisioning = Provisioning.Thick }, Small);
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => thick.Extend(volume, 2, Under())));
        Assert.Equal(changed, await Hash(Small, $"volume-{volume.Id}"));
        await Lies(driver, Small, 1, 1);
        Assert.Equal(hash, await Hash(Small, $"snapshot-{kept.Id}"));
        await Node.Do("unfill", "small");
        await Within(Soon, async () =>
        {
            try { await driver.RevertTo(volume, kept, Under()); return true; }
            catch (FaultException e) when (e.Fault is Fault.ShareFull) { return false; }
        }, "there is room again");
        Assert.Equal(hash, await Hash(Small, $"volume-{volume.Id}"));
        await driver.DeleteSnapshot(volume, kept, Under());
    }

    /// <summary>
    /// GlusterFS takes what it has no room for and says so later, once: to a close, or to an fsync of the same handle. Here the room ends within
    /// the last few hundred KiB, of which no later write tells.
    /// </summary>
    [Theory, InlineData(true, false), InlineData(false, false), InlineData(false, true)]
    public async Task What_has_no_room_for_its_last_bytes_is_not_there(bool copied, bool gfapi)
    {
        const int Kib = 1024, Data = 8704 * Kib;
        await Node.Do("gluster", "volume", "set", "small", "storage.reserve", "0"); // which is looked at but every few seconds
        var driver = await Driver(o => o with { CloneMode = CloneMode.Full, GfapiWriter = gfapi ? o.GfapiWriter : null }, Small);
        var (source, _) = await WithData(driver, Small, 0);
        var bytes = RandomNumberGenerator.GetBytes(Data);
        await using (var file = File.OpenWrite(PathOf(source)))
        {
            await file.WriteAsync(bytes, Token);
            file.Flush(flushToDisk: true);
        }
        var (hash, made, refused) = (await Hash(Small, $"volume-{source.Id}"), 0, 0);
        for (var left = Data / Kib - 128; left <= Data / Kib + 640; left += 128)
        {
            await Node.Do("fill", "small", $"{left}K");
            var volume = NewVolume(Small);
            try
            {
                var disk = copied ? await driver.CreateFromVolume(volume, source, Under(), full: true) : await driver.CreateFilled(volume, Filling, Under());
                volume = volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available };
                Assert.Equal(hash, await Hash(Small, $"volume-{volume.Id}"));
                await driver.Delete(volume, Under());
                made++;
            }
            catch (FaultException e)
            {
                Assert.Equal(new Fault.ShareFull(Small), e.Fault);
                refused++;
            }
            await Node.Do("unfill", "small");
            await Lies(driver, Small, 1, 0);
        }
        Assert.True(made > 0 && refused > 0, $"the room for it was {(made > 0 ? "always" : "never")} there");
        await driver.Delete(source, Under());
        await Node.Do("gluster", "volume", "reset", "small", "storage.reserve");

        async Task Filling(WriteAt write, CancellationToken stop)
        {
            var direct = Direct;
            for (var at = 0; at < Data; at += 4096 * Kib)
            {
                await write(at, bytes.AsMemory(at, Math.Min(4096 * Kib, Data - at)));
                if (gfapi && at > 0) await Within(Soon, () => Task.FromResult(Direct > direct), "there is a process that writes the rest");
            }
        }
    }

    [Theory, InlineData(Provisioning.Thin), InlineData(Provisioning.Thick)]
    public async Task An_image_grows_on_the_share_by_zeroes_and_not_while_another_has_it_open(Provisioning provisioning)
    {
        var driver = await Driver(o => o with { CloneMode = CloneMode.Full, Format = VolumeFormat.Qcow2, Provisioning = provisioning });
        var volume = NewVolume(Vol1);
        var disk = await driver.Create(volume, Under());
        volume = volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format, Status = VolumeStatus.Available };
        Assert.DoesNotContain("rror", await Sh($"qemu-io -f qcow2 -c 'write -P 65 0 8M' -c 'write -P 66 1000M 24M' {PathOf(volume)}"), StringComparison.Ordinal);
        // Somebody has it open whom the database knows nothing of.
        var gate = Path.Combine(Root, "gate");
        await Sh($"mkfifo {gate}");
        var said = Path.Combine(Root, "said");
        var holder = Sh($"qemu-io -f qcow2 {PathOf(volume)} < {gate} > {said}");
        await using (var open = new FileStream(gate, FileMode.Open, FileAccess.Write))
        {
            // It asks for commands once it has the image. To ask the image itself would be to take its locks: then neither may get them.
            await Within(Soon, async () => (await Sh($"cat {said}")).Contains("qemu-io>", StringComparison.Ordinal), "it is held");
            Assert.IsType<Fault.BackendDown>(await FaultOf(() => driver.Extend(volume, 3, Under())));
        }
        await holder;
        await driver.Extend(volume, 2, Under());
        foreach (var (pattern, from, length) in new[] { (65, "0", "8M"), (0, "8M", "992M"), (66, "1000M", "24M"), (0, "1G", "1G") })
        {
            var seen = await Sh($"qemu-io -r -f qcow2 -c 'read -P {pattern} {from} {length}' {PathOf(volume)}");
            Assert.Contains("1 ops", seen, StringComparison.Ordinal);
            Assert.DoesNotContain("verification failed", seen, StringComparison.Ordinal);
        }
        Assert.Contains("No errors were found", await Sh($"qemu-img check -f qcow2 {PathOf(volume)}"), StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(PathOf(volume)).Length % 512);
    }

    [Fact]
    public async Task A_host_is_told_what_the_driver_of_old_told()
    {
        var driver = await Driver(null, $"{Vol1} -o log-level=WARNING,acl", Vol2);
        foreach (var (share, options) in new[] { (Vol1, "-o log-level=WARNING,acl"), (Vol2, null) })
        {
            var volume = NewVolume(share);
            var disk = await driver.Create(volume, Under());
            var info = await driver.Connect(volume with { ProviderLocation = disk.ProviderLocation, Format = disk.Format }, new Connector("compute1", "{}"), Under());
            Assert.Equal(("glusterfs", Base), (info.Type, info.MountPointBase));
            using var data = JsonDocument.Parse(info.Data);
            Assert.Equal(
                [("export", share), ("name", $"volume-{volume.Id}"), ("options", options), ("format", "raw")],
                data.RootElement.EnumerateObject().Select(p => (p.Name, p.Value.GetString())));
        }
    }
}
