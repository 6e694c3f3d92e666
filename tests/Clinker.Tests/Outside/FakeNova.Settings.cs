using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Outside;

sealed partial class FakeNova
{
    /// <summary>Those of a daemon that is told of it.</summary>
    /// <param name="more">Further lines of [nova].</param>
    public KeystoneSettings Settings(string more = "") => Assert.IsType<KeystoneSettings>(Configuration.Given.Of(Conf(more)).Nova);

    public string Conf(string more) => $"""
        [DEFAULT]
        enabled_backends = m
        [m]
        volume_driver = memory
        {Section(more)}
        """;
}
