using Clinker.Gluster;
using Xunit;

namespace Clinker.Tests.Gluster;

public sealed class MountTableTests
{
    const string Table = """
        22 27 0:21 / /proc rw,relatime - proc proc rw
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
        43 27 0:39 / /var/lib/cinder/mnt/ab rw,relatime shared:5 master:1 - fuse.glusterfs 127.0.0.2:/vol1 rw,user_id=0
        44 27 0:40 / /mnt/with\040space rw,relatime - fuse.glusterfs h:/v\134x rw
        45 43 0:41 /sub /var/lib/cinder/mnt/ab rw - tmpfs tmpfs rw

        """;

    [Fact]
    public void The_last_mount_on_a_path_covers_it() =>
        Assert.Equal(new(45, 0, 41, "/var/lib/cinder/mnt/ab", "tmpfs", "tmpfs"), MountTable.At(Table, "/var/lib/cinder/mnt/ab"));

    [Fact]
    public void Escapes_are_undone() =>
        Assert.Equal(new(44, 0, 40, "/mnt/with space", "fuse.glusterfs", @"h:/v\x"), MountTable.At(Table, "/mnt/with space"));

    [Theory, InlineData("/var/lib/cinder/mnt"), InlineData("/var/lib/cinder/mnt/ab/"), InlineData("")]
    public void Another_path_is_not_mounted(string path) => Assert.Null(MountTable.At(Table, path));

    [Fact]
    public void The_kernels_own_table_is_read() => Assert.Equal("proc", MountTable.At("/proc")?.Type);
}
