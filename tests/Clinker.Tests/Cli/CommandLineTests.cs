using Xunit;

namespace Clinker.Tests.Cli;

/// <summary>The grammar and the exit codes, as far as they need no server.</summary>
public sealed class CommandLineTests : IDisposable
{
    // A port of the loopback that nobody listens on.
    readonly Run run = new(("OS_AUTH_TYPE", "none"), ("OS_ENDPOINT", "http://127.0.0.1:9/v3"));

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData("volume create v", "--size is a required option")]
    [InlineData("volume create v --size ten", "argument --size: invalid int value: 'ten'")]
    [InlineData("volume create v --size 1 --property k", "Expected 'key=value'")]
    [InlineData("volume create v --size 1 --bootable --non-bootable", "argument --non-bootable: not allowed with argument --bootable")]
    [InlineData("volume create v --size 1 --image a --snapshot b", "not allowed with argument --image")]
    [InlineData("volume create v --size 1 --timeout 3", "--timeout goes with --wait")]
    [InlineData("volume create --size 1", "Required argument 'name' missing")]
    [InlineData("volume list --limit", "--limit")]
    [InlineData("volume list --limit -1", "0 or more")]
    [InlineData("volume list -f xml", "'xml' not recognized")]
    [InlineData("volume list stray", "'stray'")]
    [InlineData("volume delete", "delete")]
    [InlineData("volume delete --force --purge v", "not allowed")]
    [InlineData("volume set v --state gone", "'gone' not recognized")]
    [InlineData("volume type create t --project p", "only allowed with --private")]
    [InlineData("volume service set h cinder-volume --disable-reason r", "without --disable")]
    [InlineData("volume snapshot list --status gone", "'gone' not recognized")]
    [InlineData("volume transfer request accept t", "--auth-key")]
    [InlineData("volume transfer request create v --snapshots --no-snapshots", "not allowed with argument --snapshots")]
    [InlineData("volume attachment create v s --ip 10.0.0.1", "You must specify the --connect option")]
    [InlineData("volume qos create q --consumer nobody", "'nobody' not recognized")]
    [InlineData("volume host set h --enable --disable", "not allowed with argument")]
    [InlineData("quota set p --volumes many", "invalid int value: 'many'")]
    [InlineData("volume migrate v", "--host")]
    [InlineData("limits show", "one of the arguments --absolute --rate is required")]
    [InlineData("operation list --stuck --status done", "not allowed with argument --status")]
    [InlineData("operation list --status lost", "'lost' not recognized")]
    [InlineData("operation resume", "resume")]
    [InlineData("api FETCH volumes", "'FETCH' not recognized")]
    [InlineData("volumes", "'volumes'")]
    [InlineData("volume", "Required command was not provided.")]
    [InlineData("", "Required command was not provided.")]
    public async Task Called_wrongly_is_2_and_says_how(string line, string said)
    {
        Assert.Equal(2, await run.Clinker(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Contains(said, run.Error, StringComparison.Ordinal);
        Assert.Contains("--help'", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Out);
    }

    [Theory]
    [InlineData("volume list")]
    [InlineData("volume delete a b")]
    [InlineData("--debug volume service list")]
    [InlineData("service list")]
    [InlineData("volume backend pool list")]
    [InlineData("pool list --long")]
    [InlineData("availability zone list")]
    [InlineData("volume summary --os-volume-api-version 3.12")]
    [InlineData("volume type unset t --property a --property b")]
    [InlineData("volume snapshot create s --volume v --force")]
    [InlineData("volume transfer request list --all-projects")]
    [InlineData("volume attachment show a")]
    [InlineData("volume qos disassociate q --all")]
    [InlineData("volume host set h@b --disable")]
    [InlineData("volume backend capability show h@b")]
    [InlineData("volume message list --limit 3")]
    [InlineData("volume revert s")]
    [InlineData("block storage log level set DEBUG --service cinder-volume")]
    [InlineData("quota show p --default")]
    [InlineData("api POST volumes --body {}")]
    public async Task Nobody_there_is_1_and_says_where(string line)
    {
        Assert.Equal(1, await run.Clinker(line.Split(' ')));
        Assert.Contains("http://127.0.0.1:9 can't be reached: Connection refused.", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Out);
    }

    [Theory]
    [InlineData("--help", "--os-auth-url")]
    [InlineData("help volume create", "--availability-zone")]
    [InlineData("volume create --help", "--wait")]
    [InlineData("volume type -h", "unset <volume-type>")]
    [InlineData("firewall --help", "nft")]
    [InlineData("--version", "clinker ")]
    public async Task Help_is_there_at_every_level(string line, string said)
    {
        Assert.Equal(0, await run.Clinker(line.Split(' ')));
        Assert.Contains(said, run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flag_takes_no_word_from_the_names()
    {
        Assert.Equal(1, await run.Clinker("volume", "delete", "--force", "true"));
        Assert.Contains("can't be reached", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_names_the_bad_line_and_what_does_not_answer()
    {
        var shares = run.Write("shares.conf", "no-colon-here\n");
        run.Write("cinder.conf", $"[DEFAULT]\nvolume_driver = gluster\nglusterfs_shares_config = {shares}\n[database]\nconnection = sqlite:///{run.Path("x.sqlite")}\n");
        Assert.Equal(1, await run.Clinker("doctor", "--config-file", "cinder.conf", "-f", "value", "-c", "Level", "-c", "Check", "-c", "About"));
        Assert.Contains($"error shares {shares}, line 1\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("error endpoint http://127.0.0.1:9/v3\n", run.Out, StringComparison.Ordinal);
        Assert.Contains($"ok database {run.Path("x.sqlite")}\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(1, await run.Clinker("doctor", "--config-file", "absent.conf"));
        Assert.Contains("absent.conf", run.Out, StringComparison.Ordinal);
        Assert.Contains("fix: ", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_firewall_without_shares_fails()
    {
        run.Write("shares.conf", "# none\n");
        Assert.Equal(1, await run.Clinker("firewall", "--shares-file", "shares.conf"));
        Assert.Contains("--shares-file", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Out);
    }
}
