using System.Security.Cryptography;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Live.Gluster;

/// <summary>
/// Files that are filled by libgfapi, past the mount, by a process of their own: whoever reads them through the mount then must find all of it, at
/// once and in any case.
/// </summary>
public sealed class DirectWayTests(OneNode one) : OnGluster(one), IClassFixture<OneNode>
{
    const int Piece = 4 << 20, Pieces = 12;
    const long Gib = 1L << 30;

    readonly byte[] bytes = RandomNumberGenerator.GetBytes(Piece * Pieces);

    /// <summary>Every piece, with a hole behind it, and not in order; the first two through the mount, which is waited for no longer than until the process is there.</summary>
    Fill Fill(Func<int, Task>? between = null, bool direct = true) => async (write, _) =>
    {
        var (before, place) = (Direct, 0);
        foreach (var i in Enumerable.Range(0, Pieces).OrderBy(i => i % 3))
        {
            await write(2L * i * Piece, bytes.AsMemory(i * Piece, Piece));
            if (++place == 2 && direct) await Within(TimeSpan.FromSeconds(20), () => Task.FromResult(Direct > before), "there is a process that writes it");
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

    /// <summary>The processes that write for this test: the log that each is told of lies in its directory.</summary>
    async Task<string[]> Writers() => (await Sh($"pgrep -f -- '[-]-gfapi-writer .* {Root}/' || true")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    async Task NoneLeft() => await Within(TimeSpan.FromSeconds(5), async () => (await Writers()).Length == 0, "no process is left");

    Volume In(string share) => NewVolume(share) with { Host = $"host1@gluster#{share}" };

    [Theory, InlineData("vol1", ""), InlineData("vol1/in/side", ""), InlineData("vol2", "features.shard on"), InlineData("vol2", "performance.io-cache on")]
    public async Task Is_whole_through_the_mount_as_soon_as_it_is_filled(string volume, string option)
    {
        var name = volume.Split('/')[0];
        if (volume != name) Directory.CreateDirectory(Path.Combine(await Node.Brick(name), volume[(name.Length + 1)..]));
        if (option.Length > 0) await Node.Do(["gluster", "volume", "set", name, .. option.Split(' ')]);
        var share = $"{Node.Address}:/{volume}";
        var driver = await Driver(null, share);
        for (var round = 0; round < 2; round++)
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
        Assert.Equal(4, Direct);
        Assert.DoesNotContain(Log.All, l => l.Contains("through its mount", StringComparison.Ordinal));
        await NoneLeft();
        if (option.Length > 0) await Node.Do("gluster", "volume", "reset", name, option.Split(' ')[0]);
    }

    /// <summary>As a chain of backups is restored: what the later ones have lies over what went through the mount, which may have pages of that.</summary>
    [Theory, InlineData(""), InlineData(" -o direct-io-mode=disable,fopen-keep-cache")]
    public async Task What_lies_over_what_went_through_the_mount_is_what_is_read(string options)
    {
        var (driver, volume, over) = (await Driver(null, Vol1 + options), NewVolume(Vol1), bytes.AsMemory(Piece, Piece));
        await driver.CreateFilled(volume, async (write, token) =>
        {
            await Fill()(write, token);
            await write(0, over);
        }, Under());
        Assert.Equal(1, Direct);
        using var file = File.OpenHandle(PathOf(volume), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var read = new byte[Piece];
        Assert.Equal(Piece, RandomAccess.Read(file, read, 0));
        Assert.True(read.AsSpan().SequenceEqual(over.Span), "it reads what was written first");
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
            for (var (at, i) = (from, 0); at < to; at += Piece, i++)
            {
                await write(at, bytes.AsMemory(i % Pieces * Piece, Piece));
                if (i == 1) await Within(TimeSpan.FromSeconds(20), () => Task.FromResult(Direct > 0), "there is a process that writes it");
            }
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
        await Node.Do("gluster", "volume", "reset", "vol1", "performance.write-behind");
    }

    [Theory, InlineData("turned off"), InlineData("no program"), InlineData("no log"), InlineData("another file")]
    public async Task Goes_through_the_mount_where_it_is_not_to_be_had(string why)
    {
        var driver = await Driver(
            o => o with { GfapiWriter = why switch { "turned off" => null, "no program" => Path.Combine(Root, "nothing"), _ => o.GfapiWriter } },
            why == "another file" ? $"{Vol1} -o enable-ino32" : Vol1);
        if (why == "no log") Directory.CreateDirectory(Path.Combine(Root, MountPoint(Vol1).TrimStart('/').Replace('/', '-') + "-gfapi.log"));
        var volume = NewVolume(Vol1);
        var refused = false;
        await driver.CreateFilled(volume, Fill(async i =>
        {
            if (i == 3 && why != "turned off")
                await Within(TimeSpan.FromSeconds(20), () => Task.FromResult(refused = Log.All.Any(l => l.Contains("through its mount for now", StringComparison.Ordinal))), "it is told");
        }, direct: false), Under());
        Assert.Equal(Expected(), await Through(PathOf(volume)));
        Assert.Equal((0, why != "turned off"), (Direct, refused));
        await NoneLeft();
    }

    [Fact]
    public async Task What_is_small_starts_no_process()
    {
        var (driver, volume) = (await Driver(), NewVolume(Vol1));
        await driver.CreateFilled(volume, async (write, _) =>
        {
            await write(0, bytes.AsMemory(0, Piece));
            await Task.Delay(500, Token);
            Assert.Empty(await Writers());
        }, Under());
        Assert.Equal(0, Direct);
    }

    /// <summary>It fails as anything does whose brick is away; the next attempt goes through the mount.</summary>
    [Theory, InlineData("brick"), InlineData("process"), InlineData("hung")]
    public async Task Has_the_mount_for_a_while_after_it_failed(string what)
    {
        var driver = await Driver(o => o with { ActDeadline = TimeSpan.FromSeconds(3), MountRetryMost = TimeSpan.FromSeconds(2) });
        var volume = NewVolume(Vol1);
        var fault = await FaultOf(() => driver.CreateFilled(volume, Fill(async i =>
        {
            if (i != 9) return; // the third of four
            if (what == "brick") await Node.Do("brick-kill", "vol1");
            else await Sh($"kill -{(what == "hung" ? "STOP" : "KILL")} {string.Join(' ', await Writers())}");
        }), Under()));
        Assert.True(fault.Transient, fault.Message);
        if (what == "brick") await Node.Do("brick-start", "vol1");
        var generation = 1;
        await Within(TimeSpan.FromSeconds(60), async () =>
        {
            try { await driver.CreateFilled(volume, Fill(direct: false), Under(++generation)); return true; }
            catch (FaultException e) when (e.Fault.Transient) { return false; }
        }, "it is filled in the end");
        Assert.Equal(Expected(), await Through(PathOf(volume)));
        Assert.Equal(1, Direct);
        Assert.Contains(Log.All, l => l.Contains("through its mount for now", StringComparison.Ordinal));
        Assert.Empty((await driver.List(Vol1, Token)).Litter);
        await NoneLeft();
    }
}
