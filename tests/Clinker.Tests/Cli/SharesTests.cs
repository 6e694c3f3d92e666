using System.Text;
using Clinker.Cli.Shares;
using Xunit;

namespace Clinker.Tests.Cli;

public sealed class SharesTests
{
    static Share One(string line)
    {
        Assert.Null(SharesFile.ParseLine("f, line 1", line, out var share));
        return share!;
    }

    [Theory]
    [InlineData("myglusterbox.example.org:myglustervol", "myglusterbox.example.org", "myglustervol", "", "d1bba6de3848e9adbb1f81ccf1516828")]
    [InlineData("myglusterbox.example.org:/myglustervol", "myglusterbox.example.org", "myglustervol", "", "f6a815f431de083323966346dd25759f")]
    [InlineData("127.7.7.7:/gluster1", "127.7.7.7", "gluster1", "", "8f0473c9ad824b8b6a27264b9cacb005")]
    [InlineData("[::1]:/vol", "::1", "vol", "", null)]
    [InlineData("fe80::1:/vol", "fe80::1", "vol", "", null)]
    [InlineData("a,b:/vol/sub\\040dir", "a|b", "vol", "sub dir", null)]
    public void Addresses_of_every_kind_are_read(string line, string servers, string volume, string below, string? md5)
    {
        var share = One(line);
        Assert.Equal((servers, volume, below), (string.Join('|', share.Servers), share.Volume, share.Subdirectory));
        if (md5 is not null) Assert.Equal(md5, share.MountName);
    }

    [Fact]
    public void Backup_servers_are_in_the_options()
    {
        Assert.Equal(["h2", "::1"], One("h1:v -o log-level=INFO,backup-volfile-servers=h2:[::1]").BackupServers);
        Assert.Equal(["h2"], One("h1:v -o backupvolfile-server=h2").BackupServers);
        Assert.Empty(One("h1:v").BackupServers);
    }

    [Fact]
    public void A_bad_line_is_named_by_number_and_the_others_serve()
    {
        var (shares, bad) = SharesFile.Parse("/etc/cinder/shares.conf", "# head\n\nh1:/v1\nnocolon\n:/v\nh2:\nh3:/v -o ro\nh4:/v --bogus\nh1:/v1 -o acl\nh5:a.b\n");
        Assert.Equal(["h1:/v1", "h3:/v"], shares.Select(s => s.Address));
        Assert.Equal(["acl"], shares[0].Options); // of two lines with one address the last counts
        Assert.Equal([4, 5, 6, 8, 10], bad.Select(b => int.Parse(b.Source.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.StartsWith("/etc/cinder/shares.conf, line 4", bad[0].Source, StringComparison.Ordinal);
    }

    static CinderConf Conf(params string[] files) => CinderConf.Of("/etc/cinder/cinder.conf", [.. files.Select(Encoding.UTF8.GetBytes)]);

    [Fact]
    public void The_how_tos_configuration_is_a_backend()
    {
        var backend = Assert.Single(Conf("""
            [DEFAULT]
            volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
            glusterfs_shares_config = /etc/cinder/shares.conf
            glusterfs_mount_point_base = /var/lib/cinder/volumes
            """).GlusterBackends);
        Assert.Equal(new GlusterBackend("DEFAULT", "/etc/cinder/shares.conf", "/var/lib/cinder/volumes", null), backend);
    }

    [Fact]
    public void Named_backends_take_defaults_from_their_own_section_only()
    {
        var conf = Conf("""
            [DEFAULT]
            enabled_backends = a, B ,c
            glusterfs_shares_config = /not/this
            state_path = /srv
            [backend_defaults]
            volume_driver = gluster
            [a]
            glusterfs_shares_config = $state_path/a
            [b]
            nas_host = h
            nas_share_path = /v
            [c]
            volume_driver = directory
            """);
        Assert.Equal([new("a", "/srv/a", "/srv/mnt", null), new GlusterBackend("B", "/etc/cinder/glusterfs_shares", "/srv/mnt", "h:/v")], conf.GlusterBackends);
        Assert.Equal("sqlite:////srv/clinker.sqlite", conf.Database);
        Assert.Null(conf.Endpoint);
    }

    [Fact]
    public void A_later_file_has_the_last_word()
    {
        var conf = Conf("[database]\nconnection = postgresql://one/x\n", "[Database]\nconnection = '${DEFAULT.url}/$$x'\n[DEFAULT]\nurl = postgresql://two\nosapi_volume_listen = ::\nosapi_volume_listen_port=1\n");
        Assert.Equal("postgresql://two/$x", conf.Database);
        Assert.Equal("http://127.0.0.1:1/v3", conf.Endpoint);
        Assert.Equal("https://127.0.0.1:8776/v3", Conf("[DEFAULT]\nosapi_volume_use_ssl = True\n", "").Endpoint);
    }
}
