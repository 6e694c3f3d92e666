using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class ReferenceTests
{
    [Fact]
    public void The_page_is_what_the_table_says()
    {
        var path = Path.Combine(Repository(), "docs", "configuration.md");
        var made = ConfigurationReference.Markdown();
        if (Environment.GetEnvironmentVariable("CLINKER_GOLDEN") == "1") File.WriteAllText(path, made);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == made, "docs/configuration.md is not what the table of options says: run the tests with CLINKER_GOLDEN=1 and look at the difference");
    }

    [Fact]
    public void The_sample_changes_nothing()
    {
        using var given = new Given();
        var sample = given.Printed("--sample-config");
        var with = given.Settings("--role", "api", "--config-file", given.Write("sample.conf", sample));
        var without = given.Settings("--role", "api", "--config-file", given.Write("empty.conf", "[DEFAULT]\n"));
        Assert.Equal(without with { Files = [], Scheduler = with.Scheduler, Images = with.Images, Backends = [], Notes = [] }, with with { Files = [], Backends = [], Notes = [] });
        Assert.Equal(without.Scheduler.Filters, with.Scheduler.Filters);
        var conversion = without.Images.Conversion with { VmdkTypes = with.Images.Conversion.VmdkTypes };
        Assert.Equal(without.Images with { CoreProperties = with.Images.CoreProperties, Conversion = conversion }, with.Images);
        Assert.Equal(without.Images.Conversion.VmdkTypes, with.Images.Conversion.VmdkTypes);
        Assert.Equal(without.Images.CoreProperties, with.Images.CoreProperties);
        Assert.Empty(with.Notes);
    }

    /// <summary>Taking the # away from every option that has a default changes nothing either: each default is a value that is accepted.</summary>
    [Fact]
    public void Every_default_is_accepted()
    {
        using var given = new Given();
        var lines = ConfigurationReference.Sample().Split('\n')
            .Select(l => l.StartsWith('#') && !l.StartsWith("# ", StringComparison.Ordinal) && !l.EndsWith('=') ? l[1..] : l);
        var text = string.Join('\n', lines).Replace("[DEFAULT]\n", "[DEFAULT]\nenabled_backends = gluster1\n", StringComparison.Ordinal) + "volume_driver = gluster\n";
        var settings = given.Settings("--config-file", given.Write("all.conf", text));
        Assert.Equal("gluster1", Assert.IsType<BackendSettings.Gluster>(Assert.Single(settings.Backends)).Name);
        Assert.Equal("/var/lib/cinder/mnt", ((BackendSettings.Gluster)settings.Backends[0]).MountPointBase);
        Assert.Empty(settings.Notes);
    }

    [Fact]
    public void Answers_without_starting()
    {
        using var given = new Given();
        Assert.Equal("clinkerd 0.1.0\n", given.Printed("--version"));
        var help = given.Printed("--help");
        foreach (var option in new[] { "--config-file <FILE>", "--config-dir", "--embedded", "--state", "--share", "--listen", "--port", "--role", "--insecure-anywhere", "--sample-config", "--check-config", "--version", "--help" })
            Assert.Contains(option, help, StringComparison.Ordinal);
        var checkedText = given.Printed("--check-config");
        Assert.Contains("backend: stor1@directory, Directory\n", checkedText, StringComparison.Ordinal);
        Assert.EndsWith("nothing is wrong\n", checkedText, StringComparison.Ordinal);
        Assert.NotEmpty(given.Errors("--check-config", "--port", "x"));
    }

    static string Repository()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Clinker.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("no Clinker.slnx above the tests");
        return at;
    }
}
