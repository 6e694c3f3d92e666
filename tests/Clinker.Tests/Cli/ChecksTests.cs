using System.Net;
using Clinker.Cli.Checks;
using Clinker.Cli.Shares;
using Xunit;

namespace Clinker.Tests.Cli;

public sealed class ChecksTests
{
    /// <summary>As glusterd 10.3 gives it for a volume with three copies, cut to what is looked at.</summary>
    static string Volfile(int copies, string replicate = "", string more = "") => string.Concat(Enumerable.Range(0, copies).Select(i => $"""
        volume v-client-{i}
            type protocol/client
            option remote-subvolume /bricks/b {i}
            option remote-host g{i}.example.org
            option ping-timeout 42
        end-volume


        """)) + (copies > 1 ? $"""
        volume v-replicate-0
            type cluster/replicate
        {replicate}    subvolumes {string.Join(' ', Enumerable.Range(0, copies).Select(i => $"v-client-{i}"))}
        end-volume

        """ : "") + more;

    static Share Share => SharesFile.ParseLine("f, line 1", "g0.example.org:v", out var share) is null ? share! : throw new InvalidOperationException();

    static List<Finding> Options(string volfile, params (string, string)[] told)
    {
        var report = new Report();
        VolumeOptions.Check(report, Share, Graph.Parse(volfile), told.ToDictionary(t => t.Item1, t => t.Item2));
        return [.. report.Findings.Where(f => f.Level >= Level.Warning)];
    }

    [Fact]
    public void The_graph_tells_the_bricks() =>
        Assert.Equal([("g0.example.org", "/bricks/b 0"), ("g1.example.org", "/bricks/b 1")], Graph.Bricks(Graph.Parse(Volfile(2))));

    [Fact]
    public void Two_copies_without_quorum_are_unsafe_three_are_not()
    {
        Assert.Contains("split-brain", Assert.Single(Options(Volfile(2))).Said, StringComparison.Ordinal);
        Assert.Empty(Options(Volfile(2, "    option quorum-type auto\n")));
        Assert.Empty(Options(Volfile(3)));
        Assert.Contains("cluster.quorum-type auto", Assert.Single(Options(Volfile(3, "    option quorum-type none\n"))).Fix, StringComparison.Ordinal);
        Assert.Empty(Options(Volfile(1)));
    }

    [Theory]
    [InlineData("cluster.self-heal-daemon", "off", Level.Warning)]
    [InlineData("cluster.favorite-child-policy", "mtime", Level.Warning)]
    [InlineData("storage.reserve", "0", Level.Warning)]
    [InlineData("features.read-only", "on", Level.Error)]
    [InlineData("features.worm", "enable", Level.Error)]
    public void What_loses_or_refuses_data_is_found(string option, string value, object level)
    {
        var finding = Assert.Single(Options(Volfile(3), (option, value)));
        Assert.Equal(level, finding.Level);
        Assert.Contains($"gluster volume set v {option} ", finding.Fix, StringComparison.Ordinal);
        Assert.Empty(Options(Volfile(3), ("cluster.self-heal-daemon", "on"), ("cluster.favorite-child-policy", "none"), ("storage.reserve", "1"), ("features.read-only", "off")));
    }

    [Theory, InlineData("disperse", 1), InlineData("distribute", 0)]
    public void Of_dispersed_volumes_no_file_may_be_opened_later_than_it_is_said_to_be(string kind, int found)
    {
        var volfile = Volfile(1, more: $"volume v-0\n    type cluster/{kind}\n    subvolumes v-client-0\nend-volume\n");
        const string behind = "volume v-open-behind\n    type performance/open-behind\n    subvolumes v-0\nend-volume\n";
        var findings = Options(volfile + behind);
        Assert.Equal(found, findings.Count);
        Assert.All(findings, f => Assert.Equal("gluster volume set v performance.open-behind off", f.Fix));
        Assert.Equal(found, Options(volfile, ("performance.open-behind", "on")).Count);
        Assert.Empty(Options(volfile));
        Assert.Empty(Options(volfile + behind, ("performance.open-behind", "off")));
    }

    [Fact]
    public void A_mount_is_told_from_what_lies_below_it_and_beside_it()
    {
        const string table = """
            27 1 0:25 / / rw,relatime - ext4 /dev/vda rw
            43 27 0:39 / /m/a\040b rw,relatime shared:5 - fuse.glusterfs h:/v rw
            44 27 0:40 / /m/c rw - tmpfs tmpfs rw
            45 44 0:41 / /m/c rw - fuse.glusterfs h:/w rw

            """;
        Assert.Equal(("fuse.glusterfs", "h:/v"), Mounts.Parse(table, "/m/a b"));
        Assert.Equal(("fuse.glusterfs", "h:/w"), Mounts.Parse(table, "/m/c/"));
        Assert.Null(Mounts.Parse(table, "/m"));
    }

    static VolumeFacts Facts(params Brick[] bricks) => new(bricks, [], null);

    static Opening[] Openings(params (Share, VolumeFacts)[] shares) =>
        [.. FirewallRules.Needed(shares).Select(n => new Opening(n.Host, [n.Host == "six" ? IPAddress.IPv6Loopback : IPAddress.Parse("192.0.2.1")], n.Ports, n.Note))];

    [Fact]
    public void Rules_name_the_servers_and_ports_in_use()
    {
        var openings = Openings((Share, Facts(new("g0.example.org", "/a", 51583), new("g0.example.org", "/b", 49300), new("six", "/c", 60000))));
        Assert.Equal("""
            # g0.example.org: glusterd and bricks
            iptables -A OUTPUT -d 192.0.2.1 -p tcp -m multiport --dports 24007,49300,51583 -j ACCEPT
            # six: glusterd and bricks
            ip6tables -A OUTPUT -d ::1 -p tcp -m multiport --dports 24007,60000 -j ACCEPT

            """, FirewallRules.Iptables(openings));
        Assert.Equal("""
            # g0.example.org: glusterd and bricks
            nft add rule inet filter output ip daddr 192.0.2.1 tcp dport { 24007, 49300, 51583 } accept
            # six: glusterd and bricks
            nft add rule inet filter output ip6 daddr ::1 tcp dport { 24007, 60000 } accept

            """, FirewallRules.Nft(openings));
    }

    [Fact]
    public void Ports_that_are_not_known_open_the_range_with_a_note()
    {
        var openings = Openings((Share, new VolumeFacts([], [], "g0.example.org: no answer")));
        Assert.Equal("""
            # g0.example.org: glusterd and bricks
            # NOTE: the bricks of v could not be learnt (g0.example.org: no answer): the whole range that bricks may listen in is opened
            iptables -A OUTPUT -d 192.0.2.1 -p tcp -m multiport --dports 24007,49152:60999 -j ACCEPT

            """, FirewallRules.Iptables(openings));
        var stopped = Assert.Single(Openings((Share, Facts(new("g0.example.org", "/a", 51583), new("g0.example.org", "/b", null)))));
        Assert.Equal(["24007", "49152:60999"], stopped.Ports);
        Assert.Contains("/b of v does not run", stopped.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void No_rule_has_more_ports_than_multiport_takes()
    {
        var rules = FirewallRules.Iptables(Openings((Share, Facts([.. Enumerable.Range(0, 20).Select(i => new Brick("g0.example.org", $"/b{i}", 50000 + i))]))));
        var lines = rules.Split('\n').Where(l => l.StartsWith("iptables", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.All(lines, l => Assert.InRange(l.Split(',').Length, 1, 15));
        Assert.Equal(21, lines.Sum(l => l.Split(',').Length));
    }
}
