using Clinker.Gluster;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Gluster;

public sealed class SharesFileTests
{
    static Share One(string line)
    {
        var read = SharesFile.Parse(line);
        Assert.Empty(read.Bad);
        return Assert.Single(read.Shares);
    }

    static string Mount(string line) => string.Join(' ', One(line).MountArguments("/log/x.log")).Replace(",xlator-option=*client*.event-threads=16", "", StringComparison.Ordinal);

    [Theory]
    [InlineData("192.0.2.5:/vol1", "192.0.2.5:/vol1", "192.0.2.5", "vol1")]
    [InlineData("myglusterbox.example.org:myglustervol", "myglusterbox.example.org:myglustervol", "myglusterbox.example.org", "myglustervol")]
    [InlineData("[::1]:/vol1", "[::1]:/vol1", "::1", "vol1")]
    [InlineData("fe80::1%eth0:/vol1", "fe80::1%eth0:/vol1", "fe80::1%eth0", "vol1")]
    [InlineData("gfs:/vol1/sub/dir", "gfs:/vol1/sub/dir", "gfs", "vol1/sub/dir")]
    [InlineData("gfs:/vol1/", "gfs:/vol1/", "gfs", "vol1")]
    [InlineData("gfs:/vol1/my\\040dir -o acl", "gfs:/vol1/my dir", "gfs", "vol1/my dir")]
    [InlineData("  h1,h2,[2001:db8::1]:/vol1\t -o acl \r", "h1,h2,[2001:db8::1]:/vol1", "h1|h2|2001:db8::1", "vol1")]
    public void A_line_is_a_share_whose_text_is_kept_as_written(string line, string text, string servers, string volume)
    {
        var share = One(line);
        Assert.Equal((text, servers, volume), (share.Text, string.Join('|', share.Servers), share.Volume));
    }

    [Fact]
    public void Comments_and_blank_lines_are_nothing() =>
        Assert.Equal(["a:/x", "b:/y"], SharesFile.Parse("\ufeff# shares\n\n  # more\r\na:/x\r\n \t\nb:/y").Shares.Select(s => s.Text));

    [Fact]
    public void Of_equal_shares_the_last_line_counts()
    {
        var read = SharesFile.Parse("a:/x -o acl\nb:/y\na:/x -o log-level=ERROR");
        Assert.Equal(["a:/x", "b:/y"], read.Shares.Select(s => s.Text));
        Assert.Equal(["log-level=ERROR"], read.Shares[0].Options);
    }

    [Theory]
    [InlineData("-o:/vol1", "dash")]
    [InlineData("--help", "dash")]
    [InlineData("host", "HOST:/VOLUME")]
    [InlineData(":/vol", "HOST:/VOLUME")]
    [InlineData("host/vol", "HOST:/VOLUME")]
    [InlineData("h1,,h2:/vol", "server")]
    [InlineData("h1,-x:/vol", "'-x'")]
    [InlineData("h$(reboot):/vol", "server")]
    [InlineData("host:/", "volume")]
    [InlineData("host:/-v", "volume")]
    [InlineData("host:/vol/../other", "volume")]
    [InlineData("host:/vol\u0007x", "control")]
    [InlineData("host:/vol acl", "'acl'")]
    [InlineData("host:/vol -o", "-o")]
    [InlineData("host:/vol -v", "'-v'")]
    [InlineData("host:/vol -o acl,-x", "'-x'")]
    public void A_bad_line_is_told_with_its_number_while_the_others_serve(string line, string word)
    {
        var read = SharesFile.Parse($"a:/x\n{line}\nb:/y\n");
        Assert.Equal(["a:/x", "b:/y"], read.Shares.Select(s => s.Text));
        var bad = Assert.Single(read.Bad);
        Assert.Equal(2, bad.Number);
        Assert.Contains(word, bad.Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("h:/v", "-t glusterfs -o log-file=/log/x.log h:/v")]
    [InlineData("h:v", "-t glusterfs -o log-file=/log/x.log h:/v")]
    [InlineData("h:/v -o acl -o log-level=ERROR", "-t glusterfs -o acl,log-level=ERROR,log-file=/log/x.log h:/v")]
    [InlineData("h:/v -oacl --options=acl,_netdev", "-t glusterfs -o acl,_netdev,log-file=/log/x.log h:/v")]
    [InlineData("h:/v -o log-file=/mine", "-t glusterfs -o log-file=/mine h:/v")]
    [InlineData("a,b,c:/v", "-t glusterfs -o backup-volfile-servers=b:c,log-file=/log/x.log a:/v")]
    [InlineData("a,b:/v -o backup-volfile-servers=b:c", "-t glusterfs -o backup-volfile-servers=b:c,log-file=/log/x.log a:/v")]
    [InlineData("a:/v -o backupvolfile-server=b,acl", "-t glusterfs -o acl,backup-volfile-servers=b,log-file=/log/x.log a:/v")]
    [InlineData("[::1],[::2]:/v -o backup-volfile-servers=[::3]", "-t glusterfs -o backup-volfile-servers=[::2]:[::3],log-file=/log/x.log ::1:/v")]
    public void Mount_is_told_what_the_line_says(string line, string arguments) => Assert.Equal(arguments, Mount(line));

    [Fact]
    public void Clients_get_more_event_threads_than_locks_are_interrupted_at_once_unless_the_operator_needs_the_option()
    {
        Assert.Contains("xlator-option=*client*.event-threads=16", One("h:/v -o acl").MountArguments("/l")[3], StringComparison.Ordinal);
        Assert.Equal("xlator-option=*client*.ping-timeout=5,log-file=/l", One("h:/v -o xlator-option=*client*.ping-timeout=5").MountArguments("/l")[3]);
    }

    [Theory]
    [InlineData("127.0.0.1:/vol1", "vol1")]
    [InlineData("127.0.0.1:vol1", "vol1")]
    [InlineData("::1:/vol1/a b", "vol1/a b")]
    [InlineData("tmpfs", null)]
    public void The_source_of_a_mount_names_its_volume(string source, string? volume) => Assert.Equal(volume, SharesFile.VolumeOf(source));

    [Fact]
    public void Any_text_is_read_without_trouble() =>
        Gen.String[Gen.OneOf(Gen.Char["ab:/,-[]%#\\ \t\n\r.=o040"], Gen.Char), 0, 80].Sample(text =>
        {
            var read = SharesFile.Parse(text);
            Assert.All(read.Shares, s =>
            {
                Assert.DoesNotContain(s.MountArguments("/l"), a => a.Length == 0);
                Assert.False(s.MountArguments("/l")[^1].StartsWith('-'));
                Assert.Equal(s.Volume, SharesFile.VolumeOf(s.MountArguments("/l")[^1]));
            });
        });
}
