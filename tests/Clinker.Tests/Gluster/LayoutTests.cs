using Clinker.Gluster;
using Clinker.Operations;
using Xunit;

namespace Clinker.Tests.Gluster;

public sealed class LayoutTests
{
    const string Id = "4b51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7";
    const string Other = "0a0b0c0d-1111-2222-3333-444455556666";

    [Theory]
    [InlineData("glusterfs-host1:/export", "ab03ab34eaca46a5fb81878f7e9b91fc")]
    [InlineData("127.7.7.7:/gluster1", "8f0473c9ad824b8b6a27264b9cacb005")]
    [InlineData("myglusterbox.example.org:myglustervol", "d1bba6de3848e9adbb1f81ccf1516828")]
    [InlineData("myglusterbox.example.org:/myglustervol", "f6a815f431de083323966346dd25759f")]
    public void A_share_is_mounted_at_the_md5_of_its_exact_text(string share, string directory) =>
        Assert.Equal($"/var/lib/cinder/volumes/{directory}", Layout.MountPoint("/var/lib/cinder/volumes", share));

    [Theory, InlineData("volume-%s"), InlineData("vol_%s.img"), InlineData("%s")]
    public void Names_are_read_back_as_they_are_written(string template)
    {
        var layout = new Layout(template);
        Assert.Equal(template.Replace("%s", Id, StringComparison.Ordinal), layout.Volume(Id));
        Assert.Equal(new FileName(FileKind.Volume, Id), layout.Parse(layout.Volume(Id)));
        Assert.Equal(new FileName(FileKind.Info, Id), layout.Parse(layout.Info(Id)));
        var spec = new VolumeSpec(Id, 1, VolumeFormat.Raw, Provisioning.Thin, 0, 17);
        Assert.Equal(new FileName(FileKind.Work, Id, 17), layout.Parse(layout.Work(spec)));
        Assert.Equal(new FileName(FileKind.Work, Id, 17, Other), layout.Parse(layout.Work(spec with { Replacing = Other })));
        Assert.Equal(new FileName(FileKind.Snapshot, Id), layout.Parse(layout.Final(spec with { IsSnapshot = true })));
        Assert.Equal(new FileName(FileKind.SnapshotWork, Id, 17), layout.Parse(layout.Work(spec with { IsSnapshot = true })));
        Assert.Equal(new FileName(FileKind.Overlay, Id), layout.Parse(layout.Volume(Id) + "." + Other));
        Assert.Equal(new FileName(FileKind.Overlay, Id), layout.Parse(layout.Volume(Id) + ".tmp-snap-" + Other));
    }

    [Theory]
    [InlineData("volume-" + Id + ".g")]
    [InlineData("volume-" + Id + ".g1x")]
    [InlineData("volume-" + Id + ".g-1")]
    [InlineData("volume-" + Id + ".g99999999999999999999")]
    [InlineData("volume-" + Id + ".exe")]
    [InlineData("volume-" + Id + "." + Other + ".g")]
    [InlineData("snapshot-" + Id + ".info")]
    [InlineData("snapshot-" + Id + ".g1x")]
    [InlineData("snapshot-" + Id + "." + Other)]
    [InlineData("volume-" + Id + "x")]
    [InlineData("volume-" + Id + "/x")]
    [InlineData("volume-4b51b3c4")]
    [InlineData("../volume-" + Id)]
    [InlineData(".cinder-write-test-1-x")]
    [InlineData("lost+found")]
    [InlineData("")]
    public void What_others_left_is_none_of_ours(string name) => Assert.Null(new Layout("volume-%s").Parse(name));

    [Theory, InlineData("volume"), InlineData("%s-%s"), InlineData("a/%s"), InlineData("snapshot-%s"), InlineData("volume-%(id)s"), InlineData("")]
    public void A_template_that_makes_no_file_name_is_refused(string template) =>
        Assert.IsType<Fault.Misconfigured>(Assert.Throws<FaultException>(() => new Layout(template)).Fault);

    [Theory, InlineData("../x"), InlineData("{" + Id + "}"), InlineData(Id + "\n"), InlineData(" " + Id), InlineData("+b51b3c4-8d6a-4f0e-9d43-1f5ad4a3b6c7")]
    public void Only_a_uuid_becomes_part_of_a_path(string id) =>
        Assert.IsType<Fault.Invalid>(Assert.Throws<FaultException>(() => new Layout("volume-%s").Volume(id)).Fault);
}
