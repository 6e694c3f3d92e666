using System.Runtime.Versioning;
using Clinker.Cli;
using Clinker.Cli.Ini;
using Xunit;

namespace Clinker.Tests.Cli;

[SupportedOSPlatform("linux")]
public sealed class IniFileTests : IDisposable
{
    readonly Run run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void Mode_and_links_stay()
    {
        var real = run.Write("real/cinder.conf", "[a]\nk = 1\n");
        File.SetUnixFileMode(real, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        File.CreateSymbolicLink(run.Path("link.conf"), "real/cinder.conf");
        Assert.True(IniFile.Edit(run.Path("link.conf"), d => d.Set("a", "k", "2")));
        Assert.Equal("[a]\nk = 2\n", File.ReadAllText(real));
        Assert.NotNull(new FileInfo(run.Path("link.conf")).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(real));
        Assert.Equal([real], Directory.GetFiles(run.Path("real"))); // nothing temporary is left
    }

    [Fact]
    public void An_edit_that_changes_nothing_leaves_the_file_alone()
    {
        var path = run.Write("f.conf", "[a]\nk = 1\n");
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        Assert.False(IniFile.Edit(path, d => d.Set("a", "k", "1")));
        Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(path));
    }

    [Fact]
    public void The_old_file_stays_when_an_edit_fails()
    {
        var path = run.Write("f.conf", "[a]\nk = 1\n");
        Assert.Throws<CliFault>(() => IniFile.Edit(path, d =>
        {
            d.Set("a", "k", "2");
            d.Set("a", "bad=key", "3");
        }));
        Assert.Equal("[a]\nk = 1\n", File.ReadAllText(path));
    }

    [Fact]
    public void In_place_keeps_the_file_itself()
    {
        var path = run.Write("f.conf", "[a]\nlonger = value\n");
        using var held = File.OpenRead(path);
        IniFile.Edit(path, d => d.Delete("a", "longer"), inPlace: true);
        Assert.Equal("[a]\n", new StreamReader(held).ReadToEnd());
    }

    [Fact]
    public void A_missing_directory_is_told() =>
        Assert.Contains("/nope", Assert.Throws<CliFault>(() => IniFile.Edit(run.Path("nope/f.conf"), d => d.Set("a", "k", "1"))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Editors_at_the_same_time_lose_nothing()
    {
        var path = run.Path("f.conf");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Factory.StartNew(
            () =>
            {
                for (var n = 0; n < 10; n++) IniFile.Edit(path, d => d.Set($"s{i}", $"k{n}", $"{n}"));
            }, TaskCreationOptions.LongRunning)));
        var document = IniFile.Read(path);
        Assert.Equal(80, document.Sections().Sum(s => document.Keys(s).Count));
    }
}
