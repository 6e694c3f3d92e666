using System.Diagnostics;
using Clinker.Gluster;
using Clinker.Operations;
using Xunit;

namespace Clinker.Live.Gluster;

public sealed class MountTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    [Fact]
    public async Task A_volume_is_a_sparse_file_for_all_below_the_md5_of_its_share()
    {
        var driver = await Driver();
        var volume = NewVolume(Vol1, 10);
        var made = await driver.Create(volume, Under());
        Assert.Equal(Vol1, made.ProviderLocation);
        Assert.Equal("raw", made.Format);
        Assert.Equal("-rw-rw-rw- 10737418240", (await Sh($"stat -c '%A %s' {PathOf(volume)}")).Trim());
        Assert.InRange(long.Parse((await Sh($"stat -c %b {PathOf(volume)}")).Trim()), 0, 16); // a brick keeps attributes in a block
        Assert.True(await OnBrick(volume));
        Assert.StartsWith($"{Node.Address}:/vol1 ", await Sh($"findmnt -n -o SOURCE,FSTYPE {MountPoint(Vol1)}"), StringComparison.Ordinal);
        Assert.Contains("drwxrwxr-x", await Sh($"stat -c %A {MountPoint(Vol1)}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Thick_volumes_take_their_room_at_once()
    {
        var driver = await Driver(o => o with { Provisioning = Provisioning.Thick, SecureFilePermissions = true });
        var volume = NewVolume(Vol1);
        await driver.Create(volume, Under());
        Assert.Equal("-rw-rw----", (await Sh($"stat -c %A {PathOf(volume)}")).Trim());
        Assert.InRange(long.Parse((await Sh($"stat -c %b {PathOf(volume)}")).Trim()) * 512, 1L << 30, (1L << 30) + 65536);
        Assert.False((await Pool(driver, Vol1)).Thin);
        await driver.Delete(volume, Under());
        Assert.False(await OnBrick(volume));
    }

    [Fact]
    public async Task Qcow2_images_open_through_the_mount_and_have_whole_clusters()
    {
        var driver = await Driver(o => o with { Format = VolumeFormat.Qcow2 });
        var volume = NewVolume(Vol1, 2);
        Assert.Equal("qcow2", (await driver.Create(volume, Under())).Format);
        Assert.Contains("\"virtual-size\": 2147483648", await Sh($"qemu-img info -f qcow2 --output=json {PathOf(volume)}"), StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(PathOf(volume)).Length % 65536);
        Assert.Contains("-rw-rw-rw-", await Sh($"stat -c %A {PathOf(volume)}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mount_that_is_there_already_is_used_as_it_is()
    {
        var driver = await Driver(null, Vol1);
        Directory.CreateDirectory(MountPoint(Vol1));
        await Sh($"mount -t glusterfs -o log-file={Root}/other.log {Vol1} {MountPoint(Vol1)}");
        var id = MountTable.At(MountPoint(Vol1))!.Id;
        await driver.Create(NewVolume(Vol1), Under());
        Assert.Equal(id, MountTable.At(MountPoint(Vol1))!.Id);
        Assert.Single((await Sh($"grep -c {MountPoint(Vol1)} /proc/mounts")).Trim());
    }

    [Fact]
    public async Task Mounts_outlive_the_driver_unless_told_otherwise()
    {
        var stays = await Driver(null, Vol1);
        await stays.Report(Token);
        await stays.DisposeAsync();
        Assert.NotNull(MountTable.At(MountPoint(Vol1)));
        var goes = await Driver(o => o with { UnmountAtDispose = true }, Vol1);
        await goes.Report(Token);
        await goes.DisposeAsync();
        Assert.Null(MountTable.At(MountPoint(Vol1)));
    }

    [Theory, InlineData("-t tmpfs tmpfs"), InlineData("-t glusterfs NODE:/vol1")]
    public async Task Another_mount_in_the_place_of_the_share_is_not_written_to(string mount)
    {
        var driver = await Driver();
        Directory.CreateDirectory(MountPoint(Vol2));
        await Sh($"mount {mount.Replace("NODE", Node.Address, StringComparison.Ordinal)} {MountPoint(Vol2)}");
        Assert.Contains("unmount it", (await Pool(driver, Vol2)).Down, StringComparison.Ordinal);
        Assert.Null((await Pool(driver, Vol1)).Down);
        Assert.True((await FaultOf(() => driver.Create(NewVolume(Vol2), Under()))).Transient);
        Assert.DoesNotContain(Directory.EnumerateFiles(MountPoint(Vol2)), f => f.Contains("volume-", StringComparison.Ordinal));
        await Sh($"umount {MountPoint(Vol2)}");
        await Within(TimeSpan.FromSeconds(5), async () => (await Pool(driver, Vol2)).Down is null, "the pool is up once it may be mounted");
    }

    [Fact]
    public async Task Wrong_names_turn_their_own_pool_down_with_a_reason()
    {
        var (nosuch, nosub, nohost) = (Node.Share("nosuch"), Node.Share("vol1/nosub"), "127.0.42.77:/vol1");
        var driver = await Driver(null, Vol1, nosuch, nosub, nohost);
        await driver.Create(NewVolume(Vol1), Under());
        var pools = (await driver.Report(Token)).Pools.ToDictionary(p => p.Name, p => p.Down);
        Assert.Null(pools[Vol1]);
        Assert.Contains("volume file", pools[nosuch], StringComparison.Ordinal);
        Assert.Contains("nosub", pools[nosub], StringComparison.Ordinal);
        Assert.Contains("mount failed", pools[nohost], StringComparison.Ordinal);
        Assert.True((await FaultOf(() => driver.Create(NewVolume(nosub), Under()))).Transient);
        Assert.Empty(Directory.EnumerateFileSystemEntries(MountPoint(nosub)));
        // Asking again at once costs nothing: attempts have pauses between them.
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 50; i++) await driver.Report(Token);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 3000);
    }

    [Fact]
    public async Task A_read_only_mount_is_no_pool()
    {
        var driver = await Driver(null, $"{Vol1} -o ro");
        Assert.Contains("no file can be made", (await Pool(driver, Vol1)).Down, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_server_may_be_dead_when_there_are_others()
    {
        foreach (var line in new[] { $"127.0.42.77,{Node.Address}:/vol1", $"127.0.42.78:/vol1 -o backup-volfile-servers=127.0.42.79:{Node.Address}" })
        {
            var driver = await Driver(null, line);
            var share = line.Split(' ')[0];
            var volume = NewVolume(share);
            await CreatesWithin(TimeSpan.FromSeconds(30), driver, volume);
            Assert.True(await OnBrick(volume));
        }
    }

    [Fact]
    public async Task A_lock_that_somebody_holds_on_the_file_is_no_hindrance()
    {
        var driver = await Driver();
        var volume = NewVolume(Vol1);
        await driver.Create(volume, Under());
        var holder = Sh($"flock -x {PathOf(volume)} sleep 5");
        await Task.Delay(300, Token);
        var clock = Stopwatch.StartNew();
        await driver.Create(volume, Under(2));
        await driver.Delete(volume, Under());
        Assert.InRange(clock.ElapsedMilliseconds, 0, 2000);
        await holder;
    }

    [Fact]
    public async Task Creating_and_deleting_take_milliseconds()
    {
        var driver = await Driver();
        await driver.Report(Token);
        var volumes = Enumerable.Range(0, 200).Select(_ => NewVolume(Vol1)).ToList();
        List<double> create = [], delete = [];
        foreach (var v in volumes) create.Add(await Timed(() => driver.Create(v, Under())));
        foreach (var v in volumes) delete.Add(await Timed(() => driver.Delete(v, Under())));
        var hundred = Enumerable.Range(0, 100).Select(_ => NewVolume(Vol1)).ToList();
        var created = await Timed(() => Task.WhenAll(hundred.Select(v => driver.Create(v, Under()))));
        var deleted = await Timed(() => Task.WhenAll(hundred.Select(v => driver.Delete(v, Under()))));
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"create ms {Percentiles(create)}; delete ms {Percentiles(delete)}; 100 at once: create {created:0} ms, delete {deleted:0} ms");
        Assert.InRange(create.Order().ElementAt(100), 0, 50);
        Assert.InRange(delete.Order().ElementAt(100), 0, 50);

        static string Percentiles(List<double> times) => $"p50 {times.Order().ElementAt(100):0.0} p99 {times.Order().ElementAt(198):0.0}";
        static async Task<double> Timed(Func<Task> act)
        {
            var clock = Stopwatch.StartNew();
            await act();
            return clock.Elapsed.TotalMilliseconds;
        }
    }
}
