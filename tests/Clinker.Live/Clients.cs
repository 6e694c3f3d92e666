using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>Every block storage command that Debian's <c>cinder</c> and <c>openstack</c> know, once, on a directory.</summary>
public sealed class Clients(ITestOutputHelper output)
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Every_command_that_has_a_route_works()
    {
        var missing = File.Exists("/usr/bin/cinder") && File.Exists("/usr/bin/openstack") ? null
            : "python3-cinderclient and python3-openstackclient are not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        var root = Path.GetDirectoryName(Path.GetDirectoryName(Daemon.Executable("clinkerd")))!;
        var folder = Directory.CreateTempSubdirectory("clinker-clients-").FullName;
        try
        {
            await using var daemon = new Daemon(folder, "--embedded", "--state", folder);
            await daemon.Start();
            var result = await Processes.Run("/usr/bin/python3",
                ["-B", Path.Combine(root, "tests/Clinker.Live/clients.py"), $"{daemon.Port}"], Patience);
            output.WriteLine(result.Output);
            Assert.True(result.ExitCode == 0, result.Error + result.Output[^Math.Min(1000, result.Output.Length)..]);
            // Two volumes were asked for that no backend can have, for their messages.
            Assert.All(daemon.Log.Split('\n').Where(l => l.Contains(" ERROR ", StringComparison.Ordinal)),
                l => Assert.Contains("No valid backend was found", l, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
