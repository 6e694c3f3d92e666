using Clinker.Host;
using Xunit;

namespace Clinker.Live;

/// <summary>The how-to of 2013, its commands as they are, with Debian's clients against the published executables.</summary>
public sealed class Walkthrough(ITestOutputHelper output)
{
    [Fact]
    public async Task Every_step_of_the_how_to_works()
    {
        await using var site = await Site.Up();
        var missing = File.Exists("/usr/bin/cinder") && File.Exists("/usr/bin/openstack") ? null
            : "python3-cinderclient and python3-openstackclient are not installed: ./dev deps";
        if (missing is not null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(missing);
        Assert.SkipWhen(missing is not null, missing ?? "");
        var script = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Daemon.Executable("clinkerd")))!, "tests/Clinker.Live/walkthrough.sh");
        var result = await Processes.Run("unshare",
            ["--mount", "bash", script, Path.GetDirectoryName(Daemon.Executable("clinkerd"))!, site.Node, $"{Daemon.FreePort()}"], TimeSpan.FromMinutes(5));
        output.WriteLine(result.Output);
        Assert.True(result.ExitCode == 0, result.Error + result.Output[^Math.Min(3000, result.Output.Length)..]);
    }
}
