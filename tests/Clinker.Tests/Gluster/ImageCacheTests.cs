using System.Runtime.Versioning;
using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>What was filled from an image is kept for the next volume, filled once, and goes when it is nobody's and there is too much of it.</summary>
[SupportedOSPlatform("linux")]
public sealed class ImageCacheTests : IAsyncDisposable
{
    const int Mib = 1 << 20;

    readonly string pool = Directory.CreateTempSubdirectory("clinker-images-").FullName;
    readonly Ids ids = new();
    readonly List<DirectoryDriver> drivers = [];

    static CancellationToken Token => TestContext.Current.CancellationToken;
    static Work Work => new(1, Token, Operation: "5d9a3c52-7a1e-4f0e-8a43-0c0a5e9f7b02");

    public async ValueTask DisposeAsync()
    {
        foreach (var driver in drivers) await driver.DisposeAsync();
        Directory.Delete(pool, recursive: true);
    }

    DirectoryDriver Driver(int count = 0, int sizeGb = 0, TimeSpan? age = null)
    {
        drivers.Add(new("dir", new() { Paths = [pool], CloneMode = CloneMode.Thin, ImageCache = new(count, sizeGb, age ?? TimeSpan.FromDays(1)) }, TimeProvider.System, NullLogger.Instance));
        return drivers[^1];
    }

    Volume NewVolume(int sizeGb = 1) => new()
    {
        Id = ids.New(), ProjectId = "p", UserId = "u", SizeGb = sizeGb, Status = VolumeStatus.Available, AvailabilityZone = "nova",
        Host = "h@dir#dir", CreatedAt = DateTime.UnixEpoch,
    };

    ImageContent NewImage() => new(ids.New(), new string('a', 16));

    static Fill Filled(byte with) => async (write, _) => await write(0, Enumerable.Repeat(with, Mib).ToArray());

    static readonly Fill Never = (_, _) => throw new InvalidOperationException("it is kept");

    string[] Kept => [.. Directory.EnumerateFiles(pool, "image-*").Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    async Task<Volume> Made(DirectoryDriver driver, ImageContent image, Fill fill)
    {
        var volume = NewVolume();
        return volume with { Format = (await driver.CreateOfImage(volume, image, fill, Work)).Format };
    }

    static async Task<int> First(DirectoryDriver driver, Volume volume)
    {
        await using var content = await driver.Read(volume, Work);
        byte first = 0;
        await content.Copy(null)((offset, piece) =>
        {
            if (offset == 0 && piece.Length > 0) first = piece.Span[0];
            return ValueTask.CompletedTask;
        }, Token);
        return first;
    }

    [Fact]
    public async Task Of_those_who_want_an_image_at_once_one_fills_it_and_the_others_wait_for_that()
    {
        var (driver, image) = (Driver(), NewImage());
        var (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var filling = Made(driver, image, async (write, token) =>
        {
            begun.SetResult();
            await go.Task;
            await Filled(7)(write, token);
        });
        await begun.Task.WaitAsync(Token);
        var waits = await Assert.ThrowsAsync<FaultException>(() => Made(driver, image, Never));
        Assert.True(waits is { Waits: true, NothingDone: true, Fault.Transient: true }, waits.Message);
        var other = await Made(driver, NewImage(), Filled(8)); // another image waits for nobody
        go.SetResult();
        var first = await filling;
        var second = await Made(driver, image, Never);
        Assert.Equal((7, 7, 8), (await First(driver, first), await First(driver, second), await First(driver, other)));
    }

    [Fact]
    public async Task One_that_could_not_be_filled_is_filled_by_the_next()
    {
        var (driver, image) = (Driver(), NewImage());
        await Assert.ThrowsAsync<FaultException>(() => Made(driver, image, (_, _) => throw new Fault.Unavailable("Glance is away").Thrown()));
        Assert.Equal(5, await First(driver, await Made(driver, image, Filled(5))));
    }

    [Fact]
    public async Task Those_that_were_used_longest_ago_go_and_none_that_a_volume_stands_on()
    {
        var driver = Driver(count: 2);
        var images = new[] { NewImage(), NewImage(), NewImage(), NewImage() };
        var names = Array.ConvertAll(images, Layout.Image);
        var stays = await Made(driver, images[0], Filled(1));
        for (var i = 1; i < 4; i++)
        {
            var volume = await Made(driver, images[i], Filled((byte)(i + 1)));
            await driver.Delete(volume, Work); // from now on it is nobody's
            await Task.Delay(20, Token); // and the next one's time is another
        }
        Assert.Equal(new[] { names[0], names[2], names[3] }.Order(StringComparer.Ordinal), Kept);
        Assert.Equal(1, await First(driver, stays));
        Assert.Equal(1, await First(driver, await Made(driver, images[0], Never)));
    }

    [Fact]
    public async Task Old_ones_go_too()
    {
        var (patient, hasty) = (Driver(), Driver(age: TimeSpan.FromMilliseconds(1)));
        for (var i = 0; i < 2; i++) await patient.Delete(await Made(patient, NewImage(), Filled(1)), Work);
        Assert.Equal(2, Kept.Length);
        await Task.Delay(20, Token);
        await Made(hasty, NewImage(), Filled(2));
        Assert.Single(Kept);
    }

    [Fact]
    public async Task And_so_many_that_the_rest_takes_no_more_room_than_it_may()
    {
        var (driver, large) = (Driver(sizeGb: 1), NewImage());
        await driver.Delete(await Made(driver, large, Filled(1)), Work);
        using (var file = File.OpenHandle(Path.Combine(pool, Layout.Image(large)), FileMode.Open, FileAccess.Write))
        {
            var piece = new byte[64 * Mib];
            Array.Fill(piece, (byte)1);
            for (var at = 0L; at < 1L << 30; at += piece.Length) RandomAccess.Write(file, piece, at);
        }
        await driver.Delete(await Made(driver, NewImage(), Filled(2)), Work);
        await Made(driver, NewImage(), Filled(3));
        Assert.DoesNotContain(Layout.Image(large), Kept);
        Assert.Equal(2, Kept.Length);
    }

    [Fact]
    public async Task On_a_full_share_those_that_nobody_stands_on_make_room()
    {
        var (driver, idle, image) = (Driver(), NewImage(), NewImage());
        var used = NewImage();
        var stays = await Made(driver, used, Filled(1));
        await driver.Delete(await Made(driver, idle, Filled(2)), Work);
        var tries = 0;
        var made = await Made(driver, image, async (write, token) =>
        {
            if (tries++ == 0) throw new Fault.ShareFull(pool).Thrown();
            await Filled(3)(write, token);
        });
        Assert.Equal(new[] { Layout.Image(used), Layout.Image(image) }.Order(StringComparer.Ordinal), Kept);
        Assert.Equal((3, 1), (await First(driver, made), await First(driver, stays)));

        // With nothing left that could go it is said.
        var full = await Assert.ThrowsAsync<FaultException>(() => Made(driver, NewImage(), (_, _) => throw new Fault.ShareFull(pool).Thrown()));
        Assert.IsType<Fault.ShareFull>(full.Fault);
    }
}
