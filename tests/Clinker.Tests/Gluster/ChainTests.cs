using Clinker.Gluster;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>Which files of a volume may be put together.</summary>
public class ChainTests
{
    const string V = "11111111-0000-4000-8000-000000000000", S1 = "22222222-0000-4000-8000-000000000000", S2 = "33333333-0000-4000-8000-000000000000",
        S3 = "44444444-0000-4000-8000-000000000000";
    static readonly Layout Layout = new("volume-%s");

    /// <param name="links">Of the volume's files, the topmost first: how many names each has.</param>
    /// <param name="kept">Snapshots that there still are.</param>
    [Theory]
    [InlineData(new[] { 1, 1 }, "", 0)]
    [InlineData(new[] { 1, 1, 1, 1 }, "", 0)]
    [InlineData(new[] { 1, 1, 1, 1 }, S3, 1)]
    [InlineData(new[] { 1, 1, 1, 1 }, S3 + "," + S1, 1)]
    [InlineData(new[] { 1, 1, 1, 1 }, S3 + "," + S2, 2)]
    [InlineData(new[] { 1, 1, 1, 1 }, S3 + "," + S2 + "," + S1, null)]
    [InlineData(new[] { 1, 2, 1, 1 }, "", null)] // a clone reads all from the second on
    [InlineData(new[] { 1, 1, 2, 1 }, S3, null)]
    [InlineData(new[] { 1, 1, 1, 2 }, "", 0)]
    [InlineData(new[] { 1, 2 }, "", null)]
    [InlineData(new[] { 1 }, "", null)]
    public void What_others_see_is_left_alone(int[] links, string kept, int? joint)
    {
        string[] ids = [S1, S2, S3];
        var names = ids.Take(links.Length - 1).Select(id => Layout.Overlay(V, id)).Reverse().Append(Layout.Volume(V));
        var levels = names.Zip(links, (name, n) => new Level(new(name, VolumeFormat.Qcow2), 1 << 30, (uint)n, IsEmpty: false)).ToList();
        var info = new ChainInfo(levels[0].Name, kept.Split(',', StringSplitOptions.RemoveEmptyEntries).ToDictionary(id => id, id => Layout.Overlay(V, id)));
        Assert.Equal(joint, Chain.Joints(Layout, V, info, levels).Cast<int?>().FirstOrDefault());
    }

    [Fact]
    public void What_a_clone_stands_on_never_becomes_its_own() => Assert.Empty(Chain.Joints(Layout, V, ChainInfo.None,
        [new(new(Layout.Volume(V), VolumeFormat.Qcow2), 1 << 30, 1, false), new(new(Layout.Overlay(V, S1), VolumeFormat.Raw), 1 << 30, 1, false)]));
}
