using System.Net;
using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class EmbeddedTests
{
    [Fact]
    public void Without_a_file_it_runs_on_the_user_s_state_directory()
    {
        using var given = new Given();
        var settings = given.Settings();
        Assert.True(settings.Embedded);
        Assert.Equal("/home/ann/.local/state/clinker", settings.StatePath);
        Assert.Equal(new DatabaseUrl.Sqlite("/home/ann/.local/state/clinker/clinker.sqlite"), settings.Database);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 8776), settings.Api.Listen);
        Assert.Equal(new QuotaSettings(-1, -1, -1, -1, -1, -1, -1), settings.Quotas);
        var backend = Assert.IsType<BackendSettings.Directory>(Assert.Single(settings.Backends));
        Assert.Equal(("stor1", "directory"), (backend.Host, backend.Name));
        Assert.Equal(["/home/ann/.local/state/clinker/volumes"], backend.Paths);
        Assert.Equal((Roles.All, (string?)null), (settings.Roles, settings.Logs.Directory));
        Assert.Equal(new BackupSettings("/home/ann/.local/state/clinker/backups", "backups", Clinker.Drivers.BackupCompression.Zlib), settings.Backups);
        Assert.Empty(settings.Notes);
    }

    [Fact]
    public void A_default_file_that_is_there_is_read_unless_embedded_is_asked_for()
    {
        using var given = new Given();
        given.Write("etc/cinder.conf.d/a.conf", "[DEFAULT]\nvolume_driver = memory\n");
        Assert.False(given.Settings().Embedded);
        Assert.True(given.Settings("--embedded").Embedded);
    }

    [Theory]
    [InlineData("/x/state", "/x/state/clinker")]
    [InlineData("relative", "/home/ann/.local/state/clinker")]
    public void Follows_XDG_STATE_HOME_when_absolute(string value, string path)
    {
        using var given = new Given();
        Assert.Equal(path, given.With("XDG_STATE_HOME", value).Settings().StatePath);
    }

    [Fact]
    public void Without_a_home_a_directory_has_to_be_named()
    {
        using var given = new Given();
        given.With("HOME", null);
        Assert.Contains("--state", Assert.Single(given.Errors()), StringComparison.Ordinal);
        Assert.Equal("/srv/$x", given.Settings("--state", "/srv/$x").StatePath);
    }

    [Fact]
    public void Shares_of_the_command_line_are_written_where_the_driver_reads_them()
    {
        using var given = new Given();
        var state = Path.Combine(given.Root, "state");
        var settings = given.Settings("--state", state, "--share", "127.0.0.1:/vol1", "--share=[::1]:vol2", "--port=0");
        var backend = Assert.IsType<BackendSettings.Gluster>(Assert.Single(settings.Backends));
        Assert.Equal(["127.0.0.1:/vol1", "[::1]:vol2"], backend.Shares);
        Assert.Equal((Path.Combine(state, "mnt"), "GlusterFS", 0), (backend.MountPointBase, backend.Name, settings.Api.Listen.Port));
        Embedded.Prepare(settings);
        Embedded.Prepare(settings);
        Assert.Equal(["127.0.0.1:/vol1", "[::1]:vol2"], File.ReadAllLines(backend.SharesConfig).Where(l => !l.StartsWith('#')));
#pragma warning disable CA1416 // Linux alone
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(state));
#pragma warning restore CA1416
    }

    [Theory]
    [InlineData("--share=-oevil:/v", "--share -oevil:/v: accepted: HOST:/VOLUME")]
    [InlineData("--share=vol", "accepted: HOST:/VOLUME")]
    [InlineData("--share=a:/b\n-x", "accepted: HOST:/VOLUME")]
    [InlineData("--config-file=/nowhere/c.conf", "/nowhere/c.conf: there is no such file")]
    [InlineData("--config-file=/", "this is a directory; name it with --config-dir")]
    [InlineData("--config-dir=/nowhere", "/nowhere: there is no such directory")]
    [InlineData("--listen=0.0.0.0", "command line: [DEFAULT] osapi_volume_listen = 0.0.0.0: without authentication")]
    [InlineData("--listen=localhost:x", "command line: [DEFAULT] osapi_volume_listen_port = x: accepted")]
    [InlineData("--listen=example.org", "accepted: an IPv4 or IPv6 address, or localhost")]
    [InlineData("--port=70000", "accepted: a whole number from 0 to 65535")]
    [InlineData("--role=api,backups", "there is no role \"backups\"")]
    [InlineData("--role=,", "--role names none")]
    [InlineData("--colour", "--colour")]
    [InlineData("serve", "serve")]
    public void Refuses_a_wrong_command_line(string argument, string words)
    {
        using var given = new Given();
        Assert.Contains(words, Assert.Single(given.Errors(argument)), StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_wrong_is_told_wherever_it_is()
    {
        using var given = new Given();
        Assert.Equal(2, given.Errors("--role", "x", "--port", "y").Count);
        Assert.Equal(3, given.Errors("--role", "x", "--config-file", "/nowhere/c.conf", "--config-file", given.Write("c.conf", "[x\n")).Count);
        Assert.Equal(2, given.Errors("--share", "x", "--share", "y").Count);
    }

    [Fact]
    public void Files_and_embedded_exclude_each_other()
    {
        using var given = new Given();
        var file = given.Write("c.conf", "[DEFAULT]\nvolume_driver = memory\n");
        Assert.Contains("--embedded reads no files", given.Errors("--embedded", "--config-file", file)[0], StringComparison.Ordinal);
        Assert.Contains("--share is for an embedded start", given.Errors("--share", "a:/b", "--config-file", file)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Serving_everyone_has_to_be_forced()
    {
        using var given = new Given();
        Assert.Equal("0.0.0.0:8776", given.Settings("--listen", "0.0.0.0", "--insecure-anywhere").Api.Listen.ToString());
        Assert.Equal("0.0.0.0:8776", given.Settings("--listen", "0.0.0.0", "--role", "volume").Api.Listen.ToString());
        Assert.Equal("127.8.0.1:99", given.Settings("--listen", "127.8.0.1:99").Api.Listen.ToString());
    }

    [Fact]
    public void A_file_that_is_not_text_is_told()
    {
        using var given = new Given();
        var file = Path.Combine(given.Root, "c.conf");
        File.WriteAllBytes(file, [(byte)'[', 0xff, (byte)']']);
        Assert.Equal([$"{file}: byte 2 is not UTF-8"], given.Errors("--config-file", file));
    }
}
