using Clinker.Server.Seeing;
using Xunit;

namespace Clinker.Tests.Seeing;

public sealed class SecretsTests
{
    [Theory]
    [InlineData("postgresql://u:p@h/d", "postgresql://u:***@h/d")]
    [InlineData("postgresql+psycopg2://u:p@ss:w@h:1/d and http://x:y@z", "postgresql+psycopg2://u:***@h:1/d and http://x:***@z")]
    [InlineData("http://h:80/a@b", "http://h:80/a@b")]
    [InlineData("postgresql://u@h/d", "postgresql://u@h/d")]
    [InlineData("Host=h;Password=a b;X=1", "Host=h;Password=*** b;X=1")]
    [InlineData("Host=h;Password='a b';X=1", "Host=h;Password=***;X=1")]
    [InlineData("PASSWORD = secret1", "PASSWORD = ***")]
    [InlineData("""{"adminPass": "x\"y", "password":"z"}""", """{"adminPass": ***, "password":***}""")]
    [InlineData("X-Auth-Token: gAAAAB", "X-Auth-Token: ***")]
    [InlineData("the password is wrong", "the password is wrong")]
    [InlineData("volume 5 of project x: done", "volume 5 of project x: done")]
    public void Masks(string text, string masked) => Assert.Equal(masked, Secrets.Mask(text));
}
