using System.Diagnostics;
using System.Security.Cryptography;
using Clinker.Tests.Outside;

namespace Clinker.Bench;

/// <summary>
/// Volumes with an image in them: the first, into which its bytes go, against dd, which writes as much to the same directory and makes it
/// durable; and further ones, which stand on what the first has filled. Glance is a small one in this process, so it costs the same cores.
/// </summary>
sealed class Images(Site site, Daemon daemon, FakeGlance glance, Report report, Scale scale) : OfOneVolume(site, daemon)
{
    public override async Task Run()
    {
        using var client = new Client(Daemon.Port);
        var probe = Path.Combine(Path.GetDirectoryName(FileOf(Made(client, "/volumes", """{"volume": {"size": 1}}""")))!, "probe");
        var (data, first, second) = (Path.Combine(Site.State, "data"), new List<double>(), new List<double>());
        for (var round = 0; round < scale.Rounds; round++)
        {
            var bytes = RandomNumberGenerator.GetBytes(DataMb << 20);
            await File.WriteAllBytesAsync(data, bytes);
            var dd = await Timed(() => Dd(data, probe));
            File.Delete(probe);
            var image = glance.Give(bytes);
            first.Add(dd / await Of(image));
            for (var more = 0; more < 5; more++) second.Add(await Of(image) * 1000);
            glance.Data.Clear();
        }
        report.Add("first volume with a raw image, to dd", "", first, Bar.Least(0.6));
        report.Add("further volume with that image: p50", "ms", [.. second.Chunk(5).Select(c => Statistics.Percentile(c, 50))], Bar.AtMost(100));

        Task<double> Of(string image) => Timed(() =>
        {
            Made(client, "/volumes", $$"""{"volume": {"size": 1, "imageRef": "{{image}}"} }""");
            return Task.CompletedTask;
        });
    }
}
