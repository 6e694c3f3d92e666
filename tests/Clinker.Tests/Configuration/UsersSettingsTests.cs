using System.Runtime.Versioning;
using Clinker.Tests.Users;
using Xunit;

namespace Clinker.Tests.Configuration;

/// <summary><c>auth_strategy = basic</c>: where the users are, what is told of their file, and what stops a start.</summary>
[SupportedOSPlatform("linux")]
public sealed class UsersSettingsTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-users-").FullName;
    string Users => Path.Combine(folder, "htpasswd");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string Configured(string more = "", string strategy = "basic") => $"""
        [DEFAULT]
        enabled_backends = m
        auth_strategy = {strategy}
        http_basic_auth_user_file = {Users}
        {more}
        [m]
        volume_driver = memory
        """;

    void Write(string text, UnixFileMode more = 0)
    {
        File.WriteAllText(Users, text);
        File.SetUnixFileMode(Users, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | more);
    }

    [Theory]
    [InlineData("basic")]
    [InlineData("http_basic")]
    public void Ironics_name_and_ours_mean_the_same(string strategy)
    {
        Write($"ann:{UsersFileTests.Hash}:web=member\n");
        var settings = Given.Of(Configured(strategy: strategy));
        Assert.Equal((Users, null), (settings.UsersFile, settings.Keystone));
        Assert.Empty(settings.Notes);
    }

    [Fact]
    public void All_that_is_wrong_with_the_file_stops_a_start()
    {
        Assert.Contains($"http_basic_auth_user_file: {Users} can't be read", Assert.Single(Given.Wrong(Configured())), StringComparison.Ordinal);
        Write($"# users\nann\nbob:{UsersFileTests.Hash}:web=member\nzoe:secret:web=member\n");
        Assert.Equal([$"http_basic_auth_user_file: {Users}, line 2", $"http_basic_auth_user_file: {Users}, line 4"],
            Given.Wrong(Configured()).Select(e => e[..e.IndexOf(':', e.IndexOf(':', StringComparison.Ordinal) + 1)]));
    }

    [Fact]
    public void A_file_that_all_can_read_and_passwords_in_clear_are_told()
    {
        Write($"ann:{UsersFileTests.Hash}:web=member\n", UnixFileMode.OtherRead);
        var notes = Given.Of(Configured("osapi_volume_listen = 0.0.0.0")).Notes;
        Assert.Equal(2, notes.Count);
        Assert.Contains($"everybody on this machine can read {Users}", notes[0], StringComparison.Ordinal);
        Assert.Contains("passwords can be read on their way", notes[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nobody_is_told_by_his_password_the_file_need_not_be_there()
    {
        var settings = Given.Of(Configured(strategy: "none"));
        Assert.Null(settings.UsersFile);
        Assert.Empty(settings.Notes);
        using var given = new Given();
        Assert.Null(given.Settings("--role", "scheduler", "--config-file", given.Write("c.conf", Configured())).UsersFile);
    }
}
