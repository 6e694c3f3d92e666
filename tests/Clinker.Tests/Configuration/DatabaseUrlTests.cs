using Clinker.Server.Configuration;
using Npgsql;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class DatabaseUrlTests
{
    static string? Read(string text, out DatabaseUrl url) => DatabaseUrl.Kind.Read(text, out url);

    [Fact]
    public void Reads_a_postgresql_url_as_SQLAlchemy_does()
    {
        Assert.Null(Read("postgresql+psycopg2://cin%40der:p%3Aw;d@db.example.org:5433/vol?sslmode=verify-full&connect_timeout=3&client_encoding=utf8", out var url));
        var c = new NpgsqlConnectionStringBuilder(Assert.IsType<DatabaseUrl.Postgres>(url).Connection);
        Assert.Equal(("cin@der", "p:w;d", "db.example.org", 5433, "vol"), (c.Username, c.Password, c.Host, c.Port, c.Database));
        Assert.Equal((SslMode.VerifyFull, 3), (c.SslMode, c.Timeout));
        Assert.DoesNotContain("p:w", url.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgresql:///vol?host=/run/postgresql", "/run/postgresql", null)]
    [InlineData("postgresql://ann@/vol?host=/run/postgresql", "/run/postgresql", "ann")]
    [InlineData("postgresql://ann:x@[::1]/vol", "::1", "ann")]
    public void Finds_host_and_user(string text, string host, string? user)
    {
        Assert.Null(Read(text, out var url));
        var c = new NpgsqlConnectionStringBuilder(((DatabaseUrl.Postgres)url).Connection);
        Assert.Equal((host, user, "vol"), (c.Host, c.Username, c.Database));
    }

    [Fact]
    public void Four_slashes_are_an_absolute_path()
    {
        Assert.Null(Read("sqlite:////var/lib/x.db", out var url));
        Assert.Equal(new DatabaseUrl.Sqlite("/var/lib/x.db"), url);
        Assert.Contains("sqlite:////var/lib/x.db", Read("sqlite:///var/lib/x.db", out _), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sqlite://")]
    [InlineData("sqlite:///:memory:")]
    [InlineData("/var/lib/x.db")]
    [InlineData("postgresql://ann@db")]
    [InlineData("postgresql:///vol")]
    [InlineData("postgresql://db/vol?color=red")]
    [InlineData("postgresql://db:70000/vol")]
    [InlineData("postgresql://db/vol?sslmode=7")]
    [InlineData("mysql://db/vol")]
    [InlineData("oracle://db/vol")]
    public void Refuses_others(string text) => Assert.NotNull(Read(text, out _));
}
