using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

/// <summary>Where the rules are looked for, and what is said when they are wrong.</summary>
public sealed class PolicySettingsTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("clinker-policy-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string Configured(string more) => $"""
        [DEFAULT]
        enabled_backends = m
        [m]
        volume_driver = memory
        [oslo_policy]
        policy_dirs = {folder}/none
        {more}
        """;

    [Fact]
    public void Files_are_looked_for_anew_each_time()
    {
        var file = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(file, "volume:create: role:operator");
        var settings = Given.Of(Configured($"policy_file = {file}"));
        Assert.Equal([file], settings.Policy.Found());
        File.Delete(file);
        Assert.Empty(settings.Policy.Found());
    }

    [Fact]
    public void A_file_that_is_missing_is_told_and_a_wrong_one_stops_the_start()
    {
        Assert.Contains(Given.Of(Configured($"policy_file = {folder}/rules.yaml")).Notes, n => n.Contains("rules.yaml is not there", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(folder, "rules.yaml"), "volume:create: role:a or");
        Assert.Contains("rules.yaml, line 1, volume:create: a check is missing at its end.",
            Assert.Single(Given.Wrong(Configured($"policy_file = {folder}/rules.yaml"))), StringComparison.Ordinal);
    }
}
