using Clinker.Drivers;
using Clinker.Gluster;
using Clinker.Gluster.Native;
using Clinker.Host;
using Clinker.Volumes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Gluster;

public sealed class PaceTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("clinker-pace-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task What_nobody_asked_for_writes_no_faster_than_it_may()
    {
        const int Mib = 1 << 20, Data = 24, Piece = 4, Slack = 1; // of what lies in an image beside data
        var time = new FakeTimeProvider();
        await using var driver = new DirectoryDriver("files", new() { Paths = [root], CloneMode = CloneMode.Thin, FlattenRate = Mib }, time, NullLogger.Instance);
        var work = new Work(1, TestContext.Current.CancellationToken, Operation: "0b5e2b7e-6d0f-4c6b-9f0e-3c1f8a1d2e01");
        var source = NewVolume();
        source = source with { Format = (await driver.Create(source, work)).Format };
        await using (var file = File.OpenWrite(Path.Combine(root, $"volume-{source.Id}"))) file.Write(Enumerable.Repeat((byte)7, Data * Mib).ToArray());
        var clone = NewVolume();
        clone = clone with { Format = (await driver.CreateFromVolume(clone, source, work)).Format };
        var (seconds, tidy) = (0, driver.Tidy(clone, flatten: true, work));
        for (; !tidy.IsCompleted; seconds++)
        {
            using (var dir = Libc.Open(root, Libc.O_PATH | Libc.O_DIRECTORY))
                foreach (var name in Directory.EnumerateFiles(root, $"volume-{clone.Id}.*.g1").Select(f => Path.GetFileName(f)))
                    if (VolumeFiles.Has(dir, name))
                        Assert.InRange(Libc.Facts(dir, name).AllocatedBytes, 0, (seconds + Piece + Slack) * (long)Mib);
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(20, work.Token);
        }
        await tidy;
        Assert.True(seconds >= Data, $"{Data} MiB were written in {seconds} s");
        Assert.Equal([$"volume-{clone.Id}"], Directory.EnumerateFiles(root, $"volume-{clone.Id}*").Select(f => Path.GetFileName(f)).Where(n => !n.EndsWith(".info", StringComparison.Ordinal)));

        Volume NewVolume() => new()
        {
            Id = new Ids().New(), ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Available, AvailabilityZone = "nova", Host = "node1@files#files",
            CreatedAt = DateTime.UnixEpoch,
        };
    }
}
