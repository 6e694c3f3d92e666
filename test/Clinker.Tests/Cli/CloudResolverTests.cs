using Clinker.Cli;
using Clinker.Cli.Cloud;
using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>Which cloud is meant, as openstacksdk 1.0 answers it.</summary>
public sealed class CloudResolverTests
{
    const string Two = """
        clouds:
          one:
            auth:
              auth_url: http://k1:5000
              username: u1
              project_name: p1
              user-domain-name: Default
            region_name: R1
            block_storage_endpoint_override: http://one:8776/v3/abc
          two:
            auth_type: none
            auth:
              endpoint: http://two:8776/v3
            volume_api_version: 3.60
        """;

    static CloudSettings Resolve(Run run, params (string, string)[] options) =>
        CloudResolver.Resolve(options.ToDictionary(o => o.Item1, o => o.Item2), run.Terminal);

    [Fact]
    public void With_nothing_the_embedded_daemon_is_meant()
    {
        using var run = new Run();
        var settings = Resolve(run);
        Assert.Equal("none", settings.AuthType);
        Assert.Null(settings.Endpoint);
        Assert.Equal("public", settings.Interface);
    }

    [Fact]
    public void Variables_make_a_cloud()
    {
        using var run = new Run(("OS_AUTH_URL", "http://k:5000/v3"), ("OS_USERNAME", "u"), ("OS_PASSWORD", "p"), ("OS_TENANT_NAME", "t"),
            ("OS_REGION_NAME", "R"), ("OS_INTERFACE", "internalURL"), ("OS_VOLUME_API_VERSION", "3.50"), ("OS_LOG_X", "no"));
        var settings = Resolve(run);
        Assert.Equal(("envvars", "password", "t", "R", "internal", "3.50"),
            (settings.Name, settings.AuthType, settings["project_name"], settings.Region, settings.Interface, settings.ApiVersion));
    }

    [Fact]
    public void Variables_that_only_tune_leave_the_local_default()
    {
        using var run = new Run(("OS_VOLUME_API_VERSION", "3.50"), ("OS_REGION_NAME", "R"));
        var settings = Resolve(run);
        Assert.Equal(("none", "3.50", null), (settings.AuthType, settings.ApiVersion, settings.Endpoint));
    }

    [Fact]
    public void OS_CLOUD_names_one_of_clouds_yaml_and_other_variables_do_not_reach_it()
    {
        using var run = new Run(("OS_CLOUD", "one"), ("OS_USERNAME", "other"));
        run.Write("clouds.yaml", Two);
        var settings = Resolve(run);
        Assert.Equal(("one", "u1", "R1", "http://one:8776/v3/abc", "Default"),
            (settings.Name, settings["username"], settings.Region, settings.Endpoint, settings["user_domain_name"]));
    }

    [Fact]
    public void Options_win_over_all()
    {
        using var run = new Run(("OS_CLOUD", "one"));
        run.Write("clouds.yaml", Two);
        var settings = Resolve(run, ("cloud", "two"), ("volume_api_version", "3.10"));
        Assert.Equal(("two", "none", "http://two:8776/v3", "3.10"), (settings.Name, settings.AuthType, settings.Endpoint, settings.ApiVersion));
    }

    [Fact]
    public void The_only_cloud_is_meant_and_of_several_one_has_to_be_named()
    {
        using var run = new Run();
        run.Write(".config/openstack/clouds.yaml", "clouds:\n  sole:\n    auth: {endpoint: 'http://x:1/v3'}\n    auth_type: none\n");
        Assert.Equal(("sole", "http://x:1/v3"), (Resolve(run).Name, Resolve(run).Endpoint));
        run.Write("clouds.yaml", Two); // the working directory comes first
        Assert.Contains("one, two", Assert.Throws<CliFault>(() => Resolve(run)).Message, StringComparison.Ordinal);
        Assert.Equal("http://y:1/v3", Resolve(run, ("endpoint", "http://y:1/v3")).Endpoint);
        Assert.Contains("three", Assert.Throws<CliFault>(() => Resolve(run, ("cloud", "three"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Secrets_come_from_secure_yaml_and_profiles_lie_under()
    {
        using var run = new Run(("OS_CLOUD", "c"), ("OS_CLIENT_CONFIG_FILE", "elsewhere/my.yaml"));
        run.Write("elsewhere/my.yaml", "clouds:\n  c:\n    profile: acme\n    auth: {username: u}\n");
        run.Write("secure.yaml", "clouds:\n  c:\n    auth: {password: s3cret}\n");
        run.Write("clouds-public.yaml", "public-clouds:\n  acme:\n    auth: {auth_url: 'http://acme:5000', username: nobody}\n    region_name: A\n");
        var settings = Resolve(run);
        Assert.Equal(("u", "s3cret", "http://acme:5000", "A"),
            (settings["username"], settings["password"], settings["auth_url"], settings.Region));
    }

    [Fact]
    public void Regions_have_values_of_their_own()
    {
        using var run = new Run(("OS_CLOUD", "c"));
        run.Write("clouds.yaml", """
            common: &common
              auth_type: none
            clouds:
              c:
                <<: *common
                regions:
                - name: west
                  values: {block_storage_endpoint_override: 'http://west:1/v3'}
                - east
            """);
        Assert.Equal(("west", "http://west:1/v3", "none"), (Resolve(run).Region, Resolve(run).Endpoint, Resolve(run).AuthType));
        Assert.Equal("east", Resolve(run, ("region_name", "east")).Region);
        Assert.Null(Resolve(run, ("region_name", "east")).Endpoint);
        Assert.Contains("west, east", Assert.Throws<CliFault>(() => Resolve(run, ("region_name", "north"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_file_is_told_with_its_line()
    {
        using var run = new Run();
        run.Write("clouds.yaml", "clouds:\n  a: [\n");
        Assert.Contains("clouds.yaml, line", Assert.Throws<CliFault>(() => Resolve(run)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://h:8776", "http://h:8776/v3/")]
    [InlineData("http://h:8776/v3", "http://h:8776/v3/")]
    [InlineData("http://h:8776/v3/abc", "http://h:8776/v3/abc/")]
    [InlineData("https://h/volume/", "https://h/volume/v3/")]
    public void An_endpoint_is_completed(string given, string root) => Assert.Equal(root, BlockStorage.Root(given).ToString());
}
