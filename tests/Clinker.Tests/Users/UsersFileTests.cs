using Clinker.Server.Configuration;
using Clinker.Server.Users;
using Clinker.Tests.Api;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clinker.Tests.Users;

/// <summary>A users file that is read, read anew, and wrong.</summary>
public sealed class UsersFileTests : IDisposable
{
    /// <summary>The password "pässword", hashed by libxcrypt at the least cost.</summary>
    internal const string Hash = "$2y$04$abcdefghijklmnopqrstu.3dH4LrFBIfn4cWnLdpf0608QTbi.Esi";

    readonly string folder = Directory.CreateTempSubdirectory("clinker-users-").FullName;
    string Path => System.IO.Path.Combine(folder, "htpasswd");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    IReadOnlyDictionary<string, User> Read(string text, out List<string> wrong)
    {
        File.WriteAllText(Path, text);
        return UsersFile.Read(Path, wrong = []);
    }

    [Fact]
    public void A_line_is_a_user_with_projects_and_roles()
    {
        var users = Read($"""
            # who may call

              # and why
            ann:{Hash}:web=Admin,member;shop-1=reader
            Jörg M.:{Hash.Replace("2y", "2b", StringComparison.Ordinal)}: web=member , storage-user ; x@y=a{"\r"}
            """, out var wrong);
        Assert.Empty(wrong);
        Assert.Equal(["ann: web=admin,member shop-1=reader", "Jörg M.: web=member,storage-user x@y=a"],
            users.Values.Select(u => $"{u.Name}: {string.Join(' ', u.Projects.Select(p => $"{p.ProjectId}={string.Join(',', p.Roles)}"))}"));
        Assert.DoesNotContain("$2", string.Concat(users.Values), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ann", "expected is NAME:HASH:PROJECT=ROLE")]
    [InlineData("ann:HASH", "expected is NAME:HASH:PROJECT=ROLE")]
    [InlineData("ann:HASH:web=member:Ann", "expected is NAME:HASH:PROJECT=ROLE")]
    [InlineData(":HASH:web=member", "a name has 1 to 255 characters")]
    [InlineData("ann :HASH:web=member", "no blanks at its ends")]
    [InlineData("a\tn:HASH:web=member", "no control characters")]
    [InlineData("ann::web=member", "not hashed by bcrypt")]
    [InlineData("ann:secret:web=member", "not hashed by bcrypt")]
    [InlineData("ann:$apr1$J2UhB1Ly$hLtHzsQfcFU0DBPo6hsvq0:web=member", "not hashed by bcrypt")]
    [InlineData("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:web=member", "not hashed by bcrypt")]
    [InlineData("ann:HASHx:web=member", "not hashed by bcrypt")]
    [InlineData("ann:$2y$04$abcdefghijklmnopqrstuv3dH4LrFBIfn4cWnLdpf0608QTbi.Esi:web=member", "not hashed by bcrypt")]
    [InlineData("ann:$2y$17$abcdefghijklmnopqrstu.3dH4LrFBIfn4cWnLdpf0608QTbi.Esi:web=member", "has a cost of 17; accepted: 4 to 14")]
    [InlineData("ann:$2y$03$abcdefghijklmnopqrstu.3dH4LrFBIfn4cWnLdpf0608QTbi.Esi:web=member", "has a cost of 03")]
    [InlineData("ann:HASH:", "\"\" says of ann no project with roles")]
    [InlineData("ann:HASH:web", "\"web\" says of ann no project with roles")]
    [InlineData("ann:HASH:web=member;", "\"\" says of ann no project with roles")]
    [InlineData("ann:HASH:web=member=x", "says of ann no project with roles")]
    [InlineData("ann:HASH:we b=member", "\"we b\" is no project")]
    [InlineData("ann:HASH:a/b=member", "\"a/b\" is no project")]
    [InlineData("ann:HASH:=member", "\"\" is no project")]
    [InlineData("ann:HASH:web=", "\"\" is no role")]
    [InlineData("ann:HASH:web=member,", "\"\" is no role")]
    [InlineData("ann:HASH:web=mem ber", "\"mem ber\" is no role")]
    [InlineData("ann:HASH:web=member;shop=member;web=admin", "ann has project web twice")]
    [InlineData("bob:HASH:web=member", "bob stands there already")]
    public void A_wrong_line_is_named_and_said_why(string line, string why)
    {
        Read($"# first\nbob:{Hash}:web=member\n{line.Replace("HASH", Hash, StringComparison.Ordinal)}\nzoe:{Hash}:web=member\n", out var wrong);
        var only = Assert.Single(wrong);
        Assert.StartsWith($"{Path}, line 3: ", only, StringComparison.Ordinal);
        Assert.Contains(why, only, StringComparison.Ordinal);
        Assert.DoesNotContain(Hash, only, StringComparison.Ordinal);
    }

    [Fact]
    public void All_wrong_lines_are_told_and_so_is_a_file_that_is_not_there()
    {
        Read($"a\nb\nann:{Hash}:web=member\nc\n", out var wrong);
        Assert.Equal(["1", "2", "4"], wrong.Select(w => w[(Path.Length + ", line ".Length)..].Split(':')[0]));
        File.Delete(Path);
        Assert.Empty(UsersFile.Read(Path, wrong = []));
        Assert.Contains($"{Path} can't be read", Assert.Single(wrong), StringComparison.Ordinal);
    }

    /// <summary>The hashes are libxcrypt's.</summary>
    [Theory]
    [InlineData("$2a$04$abcdefghijklmnopqrstu.3dH4LrFBIfn4cWnLdpf0608QTbi.Esi", "pässword")]
    [InlineData("$2b$04$abcdefghijklmnopqrstu.3dH4LrFBIfn4cWnLdpf0608QTbi.Esi", "pässword")]
    [InlineData(Hash, "pässword")]
    [InlineData("$2y$04$abcdefghijklmnopqrstuOHAaFgMEOClarCCel/CCFxFJxa3fcx7i",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    public async Task Hashes_that_others_made_are_met(string hash, string password)
    {
        File.WriteAllText(Path, $"ann:{hash}:web=member\n");
        var passwords = new Passwords(Watching(Path, NullLogger.Instance), new FakeTimeProvider());
        Assert.Equal("ann", (await passwords.Find("ann", password, default))?.Name);
        Assert.Null(await passwords.Find("ann", password[..^1] + "y", default));
        Assert.Null(await passwords.Find("ann", "", default));
    }

    /// <summary>As the daemon does.</summary>
    internal static Watched<IReadOnlyDictionary<string, User>> Watching(string file, ILogger log) => new("The users", () => [file], _ => UsersFile.Read(file), log);

    [Fact]
    public void A_change_is_seen_and_a_wrong_one_is_told_and_leaves_what_was()
    {
        var log = new LogLines();
        File.WriteAllText(Path, $"ann:{Hash}:web=member\n");
        var source = Watching(Path, log);
        Assert.Equal(["ann"], source.Current.Keys);
        Change($"ann:{Hash}:web=member\nbob:{Hash}:shop=reader\n", 1, "ann", "bob");
        Change($"bob:{Hash}:shop\n\nann\n", 2, "ann", "bob");
        Assert.Matches($"^Error {Path}, line 1: .*; {Path}, line 3: .*\\. The users of before stay in force", log.All.Last());
        Change($"bob:{Hash}:shop=reader\n", 3, "bob");
        File.Delete(Path);
        source.Look();
        Assert.Equal(["bob"], source.Current.Keys);
        File.CreateSymbolicLink(Path, "target");
        Change($"zoe:{Hash}:shop=reader\n", 4, "zoe"); // the file behind the link
        Change("# nobody\n", 5);

        void Change(string text, int at, params string[] names)
        {
            File.WriteAllText(Path, text);
            File.SetLastWriteTimeUtc(File.ResolveLinkTarget(Path, true)?.FullName ?? Path, new DateTime(2026, 1, 1, 0, 0, at, DateTimeKind.Utc));
            source.Look();
            Assert.Equal(names, source.Current.Keys);
        }
    }
}
