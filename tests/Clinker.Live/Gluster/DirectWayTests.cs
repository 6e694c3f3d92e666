using System.Security.Cryptography;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>Files that are filled by libgfapi, past the mount: whoever reads them through the mount then must find all of it, at once and in any case.</summary>
public sealed class DirectWayTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    const int Piece = 4 << 20, Pieces = 12;
    const long Gib = 1L << 30;

    readonly byte[] bytes = RandomNumberGenerator.GetBytes(Piece * Pieces);

    /// <summary>Every piece, with a hole behind it, and not in order.</summary>
    Fill Fill(Func<int, Task>? between = null) => async (write, _) =>
    {
        foreach (var i in Enumerable.Range(0, Pieces).OrderBy(i => i % 3))
        {
            await write(2L * i * Piece, bytes.AsMemory(i * Piece, Piece));
            if (between is not null) await between(i);
        }
    };

    const long End = (2L * Pieces - 1) * Piece;

    /// <summary>The hash of what is there then, to the last piece.</summary>
    string Expected()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var zeroes = new byte[Piece];
        for (var i = 0; i * (long)Piece < End; i++) hash.AppendData(i % 2 == 0 ? bytes.AsSpan(i / 2 * Piece, Piece) : zeroes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static async Task<string> Through(string path) => (await Sh($"head -c {End} {path} | sha256sum"))[..64];

    /// <summary>The logs of connections by libgfapi: there is one as soon as there is a connection.</summary>
    int Connections => Directory.GetFiles(Root, "*-gfapi.log").Length;

    Volume In(string share) => NewVolume(share) with { Host = $"host1@gluster#{share}" };

    [Theory, InlineData("vol1", ""), InlineData("vol1/in/side", ""), InlineData("vol2", "features.shard on"), InlineData("vol2", "performance.io-cache on")]
    public async Task Is_whole_through_the_mount_as_soon_as_it_is_filled(string volume, string option)
    {
        var name = volume.Split('/')[0];
        if (volume != name) Directory.CreateDirectory(Path.Combine(await Node.Brick(name), volume[(name.Length + 1)..]));
        if (option.Length > 0) await Node.Do(["gluster", "volume", "set", name, .. option.Split(' ')]);
        var share = $"{Node.Address}:/{volume}";
        var driver = await Driver(null, share);
        for (var round = 0; round < 3; round++)
        {
            var filled = In(share);
            await driver.CreateFilled(filled, Fill(), Under());
            var first = new FileInfo(PathOf(filled)) is { } info ? (info.Length, info.LastWriteTimeUtc) : default;
            Assert.Equal(Gib, first.Length);
            Assert.Equal(Expected(), await Through(PathOf(filled)));
            // An image has its size from what was written.
            var image = new ImageContent(new Ids().New(), new string((char)('a' + round), 32));
            var (one, second) = (In(share), In(share));
            await driver.CreateOfImage(one, image, Fill(), Under());
            var kept = Path.Combine(MountPoint(share), Layout.Image(image));
            Assert.Equal(End, new FileInfo(kept).Length);
            Assert.Equal(Expected(), await Through(kept));
            await driver.CreateOfImage(second, image, (_, _) => throw new InvalidOperationException("it is kept"), Under());
            await Task.Delay(1200, Token); // longer than a mount believes what it knows of a file
            var later = new FileInfo(PathOf(filled));
            Assert.Equal(first, (later.Length, later.LastWriteTimeUtc));
            foreach (var made in new[] { filled, one, second }) await driver.Delete(made with { Status = VolumeStatus.Available }, Under());
        }
        Assert.Equal(1, Connections);
        Assert.DoesNotContain(Log.All, l => l.Contains("libgfapi", StringComparison.Ordinal));
        if (option.Length > 0) await Node.Do("gluster", "volume", "reset", name, option.Split(' ')[0]);
    }

    /// <summary>Of an image it is not known how long it gets; the second one gets longer than it was made beforehand, while what was written is being made durable.</summary>
    [Theory, InlineData(1), InlineData(64)]
    public async Task A_large_image_is_as_long_as_what_was_written(int gib)
    {
        await Node.Do("add", "pieces", "shard");
        var share = $"{Node.Address}:/pieces";
        var driver = await Driver(null, share);
        var (volume, image) = (NewVolume(share, gib + 2) with { Host = $"host1@gluster#{share}" }, new ImageContent(new Ids().New(), new string('e', 32)));
        var (from, to) = (gib * Gib - 16L * Piece, gib * Gib + 2L * Piece); // so many pieces that they are synced at the GiB
        await driver.CreateOfImage(volume, image, async (write, _) =>
        {
            for (var (at, i) = (from, 0); at < to; at += Piece, i++) await write(at, bytes.AsMemory(i % Pieces * Piece, Piece));
        }, Under());
        var kept = Path.Combine(MountPoint(share), Layout.Image(image));
        Assert.Equal(to, new FileInfo(kept).Length);
        using var file = File.OpenHandle(kept, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var piece = new byte[Piece];
        for (var (at, i) = (from, 0); at < to; at += Piece, i++)
        {
            Assert.Equal(Piece, RandomAccess.Read(file, piece, at));
            Assert.True(piece.AsSpan().SequenceEqual(bytes.AsSpan(i % Pieces * Piece, Piece)), $"another content at {at}");
        }
        Assert.Equal(1, Connections);
    }

    /// <summary>Both clients get another graph, to which the open file goes over.</summary>
    [Fact]
    public async Task Goes_on_when_the_volumes_options_change_meanwhile()
    {
        var (driver, volume) = (await Driver(), NewVolume(Vol1));
        await driver.CreateFilled(volume, Fill(async i =>
        {
            if (i is 4 or 9) await Node.Do("gluster", "volume", "set", "vol1", "performance.write-behind", i == 4 ? "off" : "on");
            if (i is 4 or 9) await Task.Delay(1500, Token);
        }), Under());
        Assert.Equal(Expected(), await Through(PathOf(volume)));
        Assert.Equal(1, Connections);
        await Node.Do("gluster", "volume", "reset", "vol1", "performance.write-behind");
    }

    [Theory, InlineData("turned off"), InlineData("no connection"), InlineData("another file")]
    public async Task Goes_through_the_mount_where_it_is_not_to_be_had(string why)
    {
        var driver = await Driver(o => o with { Gfapi = why != "turned off" }, why == "another file" ? $"{Vol1} -o enable-ino32" : Vol1);
        var log = Path.Combine(Root, MountPoint(Vol1).TrimStart('/').Replace('/', '-') + "-gfapi.log");
        if (why == "no connection") Directory.CreateDirectory(log);
        var volume = NewVolume(Vol1);
        await driver.CreateFilled(volume, Fill(), Under());
        Assert.Equal(Expected(), await Through(PathOf(volume)));
        Assert.Equal(why == "another file", File.Exists(log));
        Assert.Equal(why != "turned off", Log.All.Any(l => l.Contains("through its mount for now", StringComparison.Ordinal)));
    }

    /// <summary>It fails as anything does whose brick is away; the next attempt does not wait for the way that failed.</summary>
    [Fact]
    public async Task Has_the_mount_for_a_while_after_it_failed()
    {
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(3), MountRetryMost = TimeSpan.FromSeconds(2) });
        var volume = NewVolume(Vol1);
        var fault = await FaultOf(() => driver.CreateFilled(volume, Fill(i => i == 3 ? Node.Do("brick-kill", "vol1") : Task.CompletedTask), Under()));
        Assert.True(fault.Transient, fault.Message);
        await Node.Do("brick-start", "vol1");
        var generation = 1;
        await Within(TimeSpan.FromSeconds(60), async () =>
        {
            try { await driver.CreateFilled(volume, Fill(), Under(++generation)); return true; }
            catch (FaultException e) when (e.Fault.Transient) { return false; }
        }, "it is filled in the end");
        Assert.Equal(Expected(), await Through(PathOf(volume)));
        Assert.Contains(Log.All, l => l.Contains("through its mount for now", StringComparison.Ordinal));
        Assert.Empty((await driver.List(Vol1, Token)).Litter);
    }
}
