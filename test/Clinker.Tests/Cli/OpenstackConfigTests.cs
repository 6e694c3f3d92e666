using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>The how-to's commands, and the rest of that tool's grammar; expected texts are crudini's.</summary>
public sealed class OpenstackConfigTests : IDisposable
{
    readonly Run run = new();

    public void Dispose() => run.Dispose();

    Task<int> Config(params string[] args) => run.As("/usr/bin/openstack-config", args);

    [Fact]
    public async Task The_how_tos_three_commands_make_its_file()
    {
        Assert.Equal(0, await Config("--set", "cinder.conf", "DEFAULT", "volume_driver", "cinder.volume.drivers.glusterfs.GlusterfsDriver"));
        Assert.Equal(0, await Config("--set", "cinder.conf", "DEFAULT", "glusterfs_shares_config", "/etc/cinder/shares.conf"));
        Assert.Equal(0, await Config("--set", "cinder.conf", "DEFAULT", "glusterfs_mount_point_base", "/var/lib/cinder/volumes"));
        Assert.Equal("""
            [DEFAULT]
            volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
            glusterfs_shares_config = /etc/cinder/shares.conf
            glusterfs_mount_point_base = /var/lib/cinder/volumes

            """, run.Read("cinder.conf"));
        Assert.Equal(0, await Config("--get", "cinder.conf", "DEFAULT", "glusterfs_shares_config"));
        Assert.Equal("/etc/cinder/shares.conf\n", run.Out);
    }

    [Fact]
    public async Task What_is_absent_is_told_with_exit_code_1()
    {
        run.Write("f", "[a]\nk = 1\n");
        Assert.Equal(1, await Config("--get", "f", "a", "nope"));
        Assert.Equal("Parameter not found: nope\n", run.Error);
        Assert.Equal(1, await Config("--get", "f", "nosec", "k"));
        Assert.Equal("Section not found: nosec\n", run.Error);
        Assert.Equal(1, await Config("--get", "absent", "a", "k"));
        Assert.Contains("No such file or directory", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, await Config("--set", "--existing", "f", "a", "nope", "1"));
        Assert.Equal(1, await Config("--set", "--existing=file", "absent", "a", "k", "1"));
        Assert.Equal(0, await Config("--set", "--existing=section", "f", "a", "nope", "1"));
        Assert.Equal(0, await Config("--del", "f", "a", "gone"));
        Assert.Equal(1, await Config("--del", "--existing", "f", "a", "gone"));
        Assert.Equal(0, await Config("--has", "f", "a", "k"));
        Assert.Equal(1, await Config("--has", "f", "a", "gone"));
        Assert.False(File.Exists(run.Path("absent")));
    }

    [Fact]
    public async Task Lists_get_and_lose_items()
    {
        run.Write("f", "[a]\nl = x, y\n");
        Assert.Equal(0, await Config("--set", "--list", "f", "a", "l", "z"));
        Assert.Equal(0, await Config("--set", "--list", "f", "a", "l", "z"));
        Assert.Equal(0, await Config("--set", "--list", "f", "a", "new", "z"));
        Assert.Equal(0, await Config("--del", "--list", "f", "a", "l", "x"));
        Assert.Equal("[a]\nl = y, z\nnew = z\n", run.Read("f"));
    }

    [Fact]
    public async Task Merging_takes_all_that_is_on_standard_input()
    {
        run.Write("f", "[a]\nk = 1\n# stays\n");
        run.Input = "[a]\nk = 2\nj=3\n[b]\nm = 1\nm = 2\n";
        Assert.Equal(0, await Config("--merge", "f"));
        Assert.Equal("[a]\nk = 2\nj = 3\n# stays\n\n[b]\nm = 1\nm = 2\n", run.Read("f"));
        run.Input = "x = y\n";
        Assert.Equal(0, await Config("--merge", "f", "c"));
        Assert.EndsWith("\n[c]\nx = y\n", run.Read("f"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Formats_are_for_shells_files_and_diffs()
    {
        run.Write("f", "[a]\nk = it's\nl = plain/1\n");
        await Config("--get", "--format=sh", "f", "a");
        Assert.Equal("k='it'\"'\"'s'\nl=plain/1\n", run.Out);
        await Config("--get", "--format", "lines", "f");
        Assert.Equal("[ a ] k = it's\n[ a ] l = plain/1\n", run.Out);
        await Config("--get", "--format=ini", "f", "a");
        Assert.Equal("[a]\nk = it's\nl = plain/1\n", run.Out);
        await Config("--get", "f");
        Assert.Equal("a\n", run.Out);
        await Config("--get", "f", "a");
        Assert.Equal("k\nl\n", run.Out);
    }

    [Fact]
    public async Task Options_may_stand_anywhere_and_values_may_look_like_them()
    {
        Assert.Equal(0, await Config("--verbose", "--set", "f", "a", "k", "--v=1"));
        Assert.Equal("changed: --set f a k --v=1\n", run.Error);
        Assert.Equal("[a]\nk = --v=1\n", run.Read("f"));
        Assert.Equal(0, await Config("--set", "f", "a", "k", "2", "--output=-"));
        Assert.Equal("[a]\nk = 2\n", run.Out);
        Assert.Equal("[a]\nk = --v=1\n", run.Read("f"));
        Assert.Equal(1, await Config("--bogus"));
        Assert.StartsWith("option --bogus not recognized\n", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, await Config());
    }

    [Fact]
    public async Task The_same_by_clinker_config()
    {
        Assert.Equal(0, await run.Clinker("config", "set", "f", "DEFAULT", "k", "1"));
        Assert.Equal(0, await run.Clinker("config", "set", "--add", "f", "DEFAULT", "k", "2"));
        Assert.Equal(0, await run.Clinker("config", "get", "f", "DEFAULT", "k"));
        Assert.Equal("2\n", run.Out);
        Assert.Equal(0, await run.Clinker("config", "get", "--all", "f", "DEFAULT", "k"));
        Assert.Equal("1\n2\n", run.Out);
        Assert.Equal(0, await run.Clinker("config", "set", "f", "DEFAULT", "k", "8", "9"));
        Assert.Equal("[DEFAULT]\nk = 8\nk = 9\n", run.Read("f"));
        Assert.Equal(1, await run.Clinker("config", "get", "f", "DEFAULT", "nope"));
        Assert.Equal("Parameter not found: nope\n", run.Error);
        Assert.Equal(0, await run.Clinker("config", "del", "f", "DEFAULT", "k"));
        Assert.Equal("[DEFAULT]\n", run.Read("f"));
        Assert.Equal(1, await run.Clinker("config", "del", "--existing", "f", "DEFAULT", "k"));
        Assert.Equal(2, await run.Clinker("config", "set", "f"));
        Assert.Equal(2, await run.Clinker("config", "set", "f", "s", "k=", "v"));
    }
}
