using System.Diagnostics;
using Clinker.Gluster;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

public sealed class FaultTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(40);

    string[] LocalFiles(string share) => [.. Directory.EnumerateFileSystemEntries(MountPoint(share))];

    [Fact]
    public async Task A_vanished_mount_is_made_again_before_anything_is_written()
    {
        var driver = await Driver();
        await driver.Report(Token);
        await KillClient(Vol1);
        await Sh($"umount -l {MountPoint(Vol1)}");
        var volume = NewVolume(Vol1);
        await driver.Create(volume, Under());
        Assert.True(await OnBrick(volume));
        await Sh($"umount -l {MountPoint(Vol1)}");
        Assert.Empty(LocalFiles(Vol1));
        await driver.Delete(volume, Under()); // a delete that looked into the local directory would find nothing and be content
        Assert.False(await OnBrick(volume));
    }

    [Fact]
    public async Task While_it_cannot_be_made_again_acts_are_faults_that_pass_and_nothing_is_written()
    {
        var driver = await Driver(o => o with { MountRetryMost = TimeSpan.FromSeconds(2) });
        await driver.Report(Token);
        await Node.Do("glusterd-kill");
        await KillClient(Vol1);
        await Sh($"umount -l {MountPoint(Vol1)}");
        var volume = NewVolume(Vol1);
        foreach (var act in new Func<Task>[] { () => driver.Create(volume, Under()), () => driver.Delete(volume, Under()), () => driver.List(Vol1, Token) })
        {
            var fault = await FaultOf(act);
            Assert.IsType<Fault.BackendDown>(fault);
            Assert.Contains(Vol1, fault.Message, StringComparison.Ordinal);
        }
        Assert.Empty(LocalFiles(Vol1));
        Assert.Equal("555", (await Sh($"stat -c %a {MountPoint(Vol1)}")).Trim());
        Assert.NotNull((await Pool(driver, Vol1)).Down);
        Assert.Null((await Pool(driver, Vol2)).Down);
        await driver.Create(NewVolume(Vol2), Under());
        await Node.Do("glusterd-start");
        await CreatesWithin(Soon, driver, volume);
        Assert.True(await OnBrick(volume));
        await Sh($"umount -l {MountPoint(Vol1)}");
        Assert.Empty(LocalFiles(Vol1));
    }

    [Fact]
    public async Task A_mount_that_vanishes_while_a_volume_is_made_leaves_nothing_in_its_place()
    {
        var options = new GlusterOptions { MountPointBase = Base, ClientLogDirectory = Root };
        await using var share = new GlusterShare(SharesFile.Parse(Vol1).Shares[0], MountPoint(Vol1), "gluster", options, TimeProvider.System, Log);
        await share.Repair(Token);
        var volume = NewVolume(Vol1);
        var (layout, spec) = (new Layout("volume-%s"), new VolumeSpec(volume.Id, 1 << 30, VolumeFormat.Raw, Provisioning.Thin, 0x1b6, 1));
        foreach (var mountedAnew in new[] { false, true })
        {
            using var dir = share.Open();
            await Sh($"umount -l {MountPoint(Vol1)}");
            using (var file = VolumeFiles.Begin(dir, layout, spec)) // lands on the share all the same: the directory is open
            {
                Assert.True(File.Exists(Path.Combine(await Node.Brick(), $"volume-{volume.Id}.g1")));
                if (mountedAnew) await share.Repair(Token);
                Assert.Throws<VanishedException>(() => VolumeFiles.Publish(share, dir, file, layout, spec, Token));
            }
            Assert.False(await OnBrick(volume));
            if (!mountedAnew) Assert.Throws<VanishedException>(() => { using var again = share.Open(); });
            await Sh($"umount -l {MountPoint(Vol1)}");
            Assert.Empty(LocalFiles(Vol1));
            await share.Repair(Token);
        }
    }

    [Fact]
    public async Task A_dead_client_is_replaced_without_help()
    {
        var driver = await Driver();
        await driver.Report(Token);
        await KillClient(Vol1);
        // A call that was under way hears of the connection's end in other words.
        await Within(Soon, async () => (await Sh($"stat -f {MountPoint(Vol1)}")).Contains("not connected", StringComparison.Ordinal), "the mount is dead");
        await CreatesWithin(Soon, driver, NewVolume(Vol1));
        await KillClient(Vol1);
        Assert.Null((await Pool(driver, Vol1)).Down); // a report mends it as well
        Assert.Equal("1", (await Sh($"grep -c {MountPoint(Vol1)} /proc/mounts")).Trim());
    }

    [Fact]
    public async Task A_dead_brick_turns_its_pool_down_and_nothing_else_until_it_is_back()
    {
        var driver = await Driver();
        await driver.Report(Token);
        var mount = MountTable.At(MountPoint(Vol1));
        await Node.Do("brick-kill", "vol1");
        await Within(Soon, async () => (await Pool(driver, Vol1)).Down is not null, "the pool is down");
        Assert.Contains("no brick answers", (await Pool(driver, Vol1)).Down, StringComparison.Ordinal);
        Assert.IsType<Fault.BackendDown>(await FaultOf(() => driver.Create(NewVolume(Vol1), Under())));
        Assert.Null((await Pool(driver, Vol2)).Down);
        await driver.Create(NewVolume(Vol2), Under());
        await Node.Do("brick-start", "vol1");
        await CreatesWithin(Soon, driver, NewVolume(Vol1));
        Assert.Null((await Pool(driver, Vol1)).Down);
        Assert.Equal(mount, MountTable.At(MountPoint(Vol1))); // VMs have their disks open on it: never replaced without need
    }

    [Fact]
    public async Task Without_glusterd_what_is_mounted_serves_on()
    {
        var driver = await Driver();
        await driver.Report(Token);
        await Node.Do("glusterd-kill");
        var volume = NewVolume(Vol1);
        await driver.Create(volume, Under());
        Assert.Null((await Pool(driver, Vol1)).Down);
        await (await Driver()).Delete(volume, Under()); // a daemon that starts now finds the mounts
        Assert.False(await OnBrick(volume));
    }

    [Fact]
    public async Task A_full_share_takes_nothing_in_and_gives_things_up()
    {
        var thick = await Driver(o => o with { Provisioning = Provisioning.Thick }, Small);
        var big = NewVolume(Small);
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => thick.Create(big, Under())));
        await Lies(thick, Small, []);
        Assert.InRange((await Pool(thick, Small)).FreeGb, 0.2, 0.4);

        var thin = await Driver(null, Small);
        var (first, second) = (NewVolume(Small), NewVolume(Small));
        await thin.Create(first, Under());
        await Node.Do("fill", "small", "0");
        Assert.InRange((await Pool(thin, Small)).FreeGb, 0, 0.02);
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => thin.Create(second, Under())));
        var image = await Driver(o => o with { Format = VolumeFormat.Qcow2 }, Small);
        Assert.Equal(new Fault.ShareFull(Small), await FaultOf(() => image.Create(NewVolume(Small), Under())));
        await Lies(thin, Small, first);
        await thin.Delete(first, Under());
        // Also one that begins on a full share is up, to delete on it.
        Assert.Null((await Pool(await Driver(null, Small), Small)).Down);
        await Node.Do("unfill", "small");
        // A brick looks at its disk's room every five seconds (storage.reserve).
        await Within(Soon, async () =>
        {
            try { await thin.Create(second, Under()); return true; }
            catch (FaultException e) when (e.Fault is Fault.ShareFull) { return false; }
        }, "there is room again");
    }

    /// <summary>These volumes and no litter.</summary>
    static async Task Lies(GlusterDriver driver, string share, params Volume[] volumes)
    {
        var (ids, _, litter) = await driver.List(share, Token);
        Assert.Equal(volumes.Select(v => v.Id).Order(), ids.Order());
        Assert.Empty(litter);
    }

    [Fact]
    public async Task A_hanging_share_holds_up_neither_the_other_nor_the_daemon()
    {
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(2), ProbeDeadline = TimeSpan.FromSeconds(1) });
        await driver.Report(Token);
        var threads = Process.GetCurrentProcess().Threads.Count;
        await Node.Do("brick-hang", "vol2");
        var hanging = Enumerable.Range(0, 50).Select(_ => NewVolume(Vol2)).ToList();
        var clock = Stopwatch.StartNew();
        var acts = hanging.Select(v => driver.Create(v, Under())).ToList();
        for (var i = 0; i < 20; i++)
        {
            var here = Stopwatch.StartNew();
            var volume = NewVolume(Vol1);
            await driver.Create(volume, Under());
            await driver.Delete(volume, Under());
            Assert.InRange(here.ElapsedMilliseconds, 0, 1500);
        }
        foreach (var act in acts) Assert.IsType<Fault.BackendDown>(await FaultOf(() => act));
        Assert.InRange(clock.ElapsedMilliseconds, 0, 6000);
        clock.Restart();
        var pools = (await driver.Report(Token)).Pools.ToDictionary(p => p.Name, p => p.Down);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 3000);
        Assert.Contains("does not answer", pools[Vol2], StringComparison.Ordinal);
        Assert.Null(pools[Vol1]);
        // Now that it is known to hang, nobody waits for it any more and no thread is given to it.
        clock.Restart();
        for (var i = 0; i < 20; i++) Assert.IsType<Fault.BackendDown>(await FaultOf(() => driver.Create(NewVolume(Vol2), Under())));
        Assert.InRange(clock.ElapsedMilliseconds, 0, 500);
        Assert.InRange(Process.GetCurrentProcess().Threads.Count - threads, 0, 30);

        await Node.Do("brick-resume", "vol2");
        await CreatesWithin(Soon, driver, NewVolume(Vol2));
        await Within(Soon, async () => (await Pool(driver, Vol2)).Down is null, "the pool is up");
        // What was given up did not take effect behind its caller's back.
        var late = (await driver.List(Vol2, Token)).VolumeIds;
        Assert.DoesNotContain(hanging, v => late.Contains(v.Id));
    }

    [Fact]
    public async Task A_client_of_ours_that_hangs_for_too_long_is_replaced()
    {
        var driver = await Driver(o => o with
        {
            ActDeadline = TimeSpan.FromSeconds(2), ProbeDeadline = TimeSpan.FromSeconds(1), HungMountAfter = TimeSpan.FromSeconds(3),
        }, Vol1);
        await driver.Report(Token);
        foreach (var client in await Clients(Vol1)) await Sh($"kill -STOP {client.Process}");
        await Within(TimeSpan.FromSeconds(3), async () => (await Pool(driver, Vol1)).Down is not null, "the pool is down");
        await Within(Soon, async () => (await Pool(driver, Vol1)).Down is null, "the pool is up again");
        await driver.Create(NewVolume(Vol1), Under());
        Assert.Single(await Clients(Vol1));
        Assert.Contains(Log.All, l => l.StartsWith("Error: Share", StringComparison.Ordinal) && l.Contains("has hung", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_hanging_client_that_is_not_ours_is_left_to_its_owner()
    {
        var driver = await Driver(o => o with
        {
            ActDeadline = TimeSpan.FromSeconds(2), ProbeDeadline = TimeSpan.FromSeconds(1), HungMountAfter = TimeSpan.FromSeconds(2),
        }, Vol1);
        Directory.CreateDirectory(MountPoint(Vol1));
        await Sh($"mount -t glusterfs -o log-file={Root}/other.log {Vol1} {MountPoint(Vol1)}");
        Assert.Null((await Pool(driver, Vol1)).Down);
        var client = Assert.Single(await Clients(Vol1));
        await Sh($"kill -STOP {client.Process}");
        await Within(Soon, async () => (await Pool(driver, Vol1)).Down?.Contains("umount -l", StringComparison.Ordinal) == true, "told what to do");
        Assert.Equal(client, Assert.Single(await Clients(Vol1)));
        await Sh($"kill -CONT {client.Process}");
        await Within(Soon, async () => (await Pool(driver, Vol1)).Down is null, "the pool is up again");
    }

    [Fact]
    public async Task A_share_that_turns_us_away_is_down_until_it_does_not()
    {
        // A client that is turned away unmounts itself: the path is the local directory then, and mount may have said nothing.
        var driver = await Driver(o => o with { MountRetryMost = TimeSpan.FromSeconds(2), MountDeadline = TimeSpan.FromSeconds(5) });
        await driver.Report(Token);
        await Node.Do("gluster", "volume", "set", "vol2", "auth.reject", "127.*");
        try
        {
            await Within(Soon, async () => (await Pool(driver, Vol2)).Down is not null, "the pool is down");
            Assert.True((await FaultOf(() => driver.Create(NewVolume(Vol2), Under()))).Transient);
            Assert.Null((await Pool(driver, Vol1)).Down);
            await Sh($"umount -l {MountPoint(Vol2)}");
            Assert.Empty(LocalFiles(Vol2));
        }
        finally { await Node.Do("gluster", "volume", "reset", "vol2", "auth.reject"); }
        await CreatesWithin(TimeSpan.FromSeconds(30), driver, NewVolume(Vol2));
    }

    /// <summary>Processes that take and give back locks on files of the share, all killed at once, again and again.</summary>
    async Task KillLockers(string share, int rounds) => await Sh($$"""
        for r in $(seq {{rounds}}); do
          pids=
          for i in 1 2 3 4 5 6 7 8; do
            perl -MFcntl=:flock -e 'open F, "+>>", shift or die; while (1) { flock F, LOCK_EX; flock F, LOCK_UN }' {{MountPoint(share)}}/x$i & pids="$pids $!"
          done
          sleep 0.15; kill -9 $pids; sleep 0.05
        done 2>/dev/null
        """);

    [Fact]
    public async Task Programs_killed_while_they_lock_files_do_not_wedge_our_mounts()
    {
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(5), ProbeDeadline = TimeSpan.FromSeconds(5) }, Vol1);
        await driver.Report(Token);
        await KillLockers(Vol1, 20);
        await driver.Create(NewVolume(Vol1), Under());
        Assert.Null((await Pool(driver, Vol1)).Down);
    }

    [Fact]
    public async Task A_client_that_is_wedged_is_replaced_one_that_waits_for_its_brick_is_not()
    {
        // With the usual two event threads (an xlator-option of the operator's takes the place of ours) such locks wedge the client
        // for good: it hangs until network.ping-timeout, and from then on says that it is not connected, brick or no brick. What was
        // asked of it before is never answered, so that some wedged clients are found by their hanging and others by that.
        await Node.Do("gluster", "volume", "set", "vol2", "network.ping-timeout", "3");
        try
        {
            var driver = await Driver(o => o with
            {
                ActDeadline = TimeSpan.FromSeconds(2), ProbeDeadline = TimeSpan.FromSeconds(1), ReconnectWithin = TimeSpan.FromSeconds(4),
                MountRetryMost = TimeSpan.FromSeconds(1), HungMountAfter = TimeSpan.FromSeconds(15),
            }, Vol1, $"{Vol2} -o xlator-option=*client*.frame-timeout=1800");
            await driver.Report(Token);
            await Node.Do("brick-kill", "vol1");
            var waits = Assert.Single(await Clients(Vol1));
            var wedged = Assert.Single(await Clients(Vol2));
            for (var i = 0; (await Pool(driver, Vol2)).Down is null; i++)
            {
                Assert.SkipWhen(i == 20, "the client could not be wedged: this GlusterFS may have its issue 4371 solved");
                await KillLockers(Vol2, 10);
            }
            await Within(TimeSpan.FromSeconds(60), async () => (await Pool(driver, Vol2)).Down is null, "the pool is up again");
            await driver.Create(NewVolume(Vol2), Under());
            Assert.NotEqual(wedged, Assert.Single(await Clients(Vol2)));
            Assert.Contains("no brick answers", (await Pool(driver, Vol1)).Down, StringComparison.Ordinal);
            Assert.Equal(waits, Assert.Single(await Clients(Vol1)));
            Assert.DoesNotContain(Directory.EnumerateDirectories(Base), d => d.EndsWith("-probe", StringComparison.Ordinal));
        }
        finally { await Node.Do("gluster", "volume", "reset", "vol2", "network.ping-timeout"); }
    }

    [Fact]
    public async Task A_shares_file_that_breaks_leaves_everything_as_it_was()
    {
        var driver = await Driver(null, Vol1);
        await driver.Report(Token);
        async Task Serves(params string[] shares)
        {
            var pools = (await driver.Report(Token)).Pools;
            Assert.Equal(shares, pools.Select(p => p.Name));
            Assert.All(pools, p => Assert.Null(p.Down));
            foreach (var share in shares) await driver.Create(NewVolume(share), Under());
        }
        File.Delete(SharesConfig);
        await Serves(Vol1);
        Assert.Contains("can't be read", Assert.Single(driver.Problems), StringComparison.Ordinal);
        await File.WriteAllTextAsync(SharesConfig, "", Token);
        await Serves(Vol1);
        Assert.Contains("names no share", Assert.Single(driver.Problems), StringComparison.Ordinal);
        await File.WriteAllTextAsync(SharesConfig, $"{Vol2}\n{Node.Address}/vol1\n-o ro\n", Token);
        await Serves(Vol2, Vol1);
        Assert.Equal(2, driver.Problems.Count);
        Assert.Contains("line 2", driver.Problems[0], StringComparison.Ordinal);
        await File.WriteAllTextAsync(SharesConfig, $"{Vol2}\n", Token);
        await Serves(Vol2);
        Assert.Empty(driver.Problems);
        Assert.Contains(Vol1, (await FaultOf(() => driver.Delete(NewVolume(Vol1) with { ProviderLocation = Vol1 }, Under()))).Message, StringComparison.Ordinal);
        Assert.NotNull(MountTable.At(MountPoint(Vol1)));
    }

    [Fact]
    public async Task Without_any_share_the_first_report_says_what_to_write()
    {
        foreach (var (text, words) in new[] { ("", "names no share"), ("nonsense\n", "line 1"), ((string?)null, "can't be read") })
        {
            var driver = await Driver(null, "x");
            if (text is null) File.Delete(SharesConfig);
            else await File.WriteAllTextAsync(SharesConfig, text, Token);
            var fault = Assert.IsType<Fault.Misconfigured>(await FaultOf(() => driver.Report(Token)));
            Assert.Contains(words, fault.Message, StringComparison.Ordinal);
            Assert.Contains(SharesConfig, fault.Message, StringComparison.Ordinal);
            await File.WriteAllTextAsync(SharesConfig, $"{Vol1}\n", Token);
            Assert.Null((await Pool(driver, Vol1)).Down);
        }
    }

    [Fact]
    public async Task Under_load_a_dying_brick_costs_faults_that_pass_and_no_file()
    {
        var driver = await Driver(o => o with { MountRetryMost = TimeSpan.FromSeconds(2) }, Vol1);
        await driver.Report(Token);
        List<Volume> kept = [];
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var load = Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!over.IsCancellationRequested)
            {
                var volume = NewVolume(Vol1);
                await CreatesWithin(TimeSpan.FromSeconds(30), driver, volume);
                lock (kept) kept.Add(volume);
            }
        }).ToList();
        for (var i = 0; i < 2; i++)
        {
            await Task.Delay(500, Token);
            await Node.Do("brick-kill", "vol1");
            await Task.Delay(500, Token);
            await Node.Do("brick-start", "vol1");
            await KillClient(Vol1);
        }
        await Task.Delay(500, Token);
        await over.CancelAsync();
        await Task.WhenAll(load);
        Assert.NotEmpty(kept);
        var (ids, _, litter) = await driver.List(Vol1, Token);
        Assert.Equal(kept.Select(v => v.Id).Order(), ids.Order());
        foreach (var (name, _) in litter) await driver.RemoveLitter(Vol1, name, Token);
        await Task.WhenAll(kept.Select(v => driver.Delete(v, Under())));
        await Lies(driver, Vol1, []);
    }
}
