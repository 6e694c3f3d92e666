using Clinker.Server.Api;
using Xunit;

namespace Clinker.Tests.Api;

public sealed class MicroversionTests
{
    [Theory]
    [InlineData("volume 3.0", 0)]
    [InlineData("volume 3.71", 71)]
    [InlineData("volume latest", 71)]
    [InlineData("volume  3.10", 10)]
    [InlineData("volume 3.10, compute 2.1", 10)]
    [InlineData("compute 2.1,volume 3.10", 10)]
    public void Understands(string header, int minor) => Assert.Equal(minor, Microversion.Negotiate(header).Minor);

    [Fact]
    public void Without_a_header_it_is_the_first() => Assert.Equal(0, Microversion.Negotiate(default).Minor);

    [Theory]
    [InlineData("volume 3.72", 406, "3.72")]
    [InlineData("volume 4.0", 406, "4.0")]
    [InlineData("volume 3.99999999999999999999", 406, "3.99999999999999999999")]
    [InlineData("volume 2.0", 406, null)]
    [InlineData("volume 1.0", 406, null)]
    [InlineData("volume abc", 400, null)]
    [InlineData("volume 3", 400, null)]
    [InlineData("volume 03.1", 400, null)]
    [InlineData("volume 3.01", 400, null)]
    [InlineData("volume 3.1.2", 400, null)]
    [InlineData("volume -3.1", 400, null)]
    [InlineData("volume Latest", 400, null)]
    [InlineData("volume", 400, null)]
    [InlineData("volume 3.1 x", 400, null)]
    [InlineData("3.71", 400, null)]
    [InlineData("compute 2.1", 400, null)]
    [InlineData("", 400, null)]
    public void Refuses(string header, int status, string? echo)
    {
        var refusal = Assert.Throws<Refusal>(() => Microversion.Negotiate(header));
        Assert.Equal((status, echo), (refusal.Status, refusal.VersionEcho));
    }

    [Fact]
    public void Says_which_it_speaks() => Assert.Equal(
        "Version 3.72 is not supported by the API. Minimum is 3.0 and maximum is 3.71.",
        Assert.Throws<Refusal>(() => Microversion.Negotiate("volume 3.72")).Message);
}
