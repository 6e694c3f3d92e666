using Clinker.Scheduling;
using Xunit;

namespace Clinker.Tests.Scheduling;

public sealed class FilterTests
{
    const string A = "11111111-1111-4111-8111-111111111111";
    const string B = "22222222-2222-4222-8222-222222222222";

    static Pool Pool(string name = "h@b#p1", double free = 40, long allocated = 10, long volumes = 2, params (string Name, string Value)[] can) => new(
        name, null, "nova", 100, free, true, 0, 20, can.Append(("vendor_name", "Clinker")).ToDictionary(c => c.Item1, c => c.Item2),
        allocated, volumes, 1, DateTime.UnixEpoch);

    static PlaceRequest Request(string? hints = null, int size = 5) => new(size, "nova", new Dictionary<string, string> { ["speed"] = "3" })
    {
        VolumeId = "v",
        Hints = Hints.Parse(hints),
        Neighbours = new Dictionary<string, string> { [A] = "h@b#p1" },
        Qos = new Dictionary<string, string> { ["iops"] = "500" },
    };

    [Theory]
    [InlineData("""{"same_host": "11111111-1111-4111-8111-111111111111"}""", null)]
    [InlineData("""{"same_host": ["22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111"]}""", null)]
    [InlineData("""{"same_host": "22222222-2222-4222-8222-222222222222"}""", "none of the volumes of same_host lies in it")]
    [InlineData("""{"same_host": []}""", null)]
    [InlineData("{}", null)]
    [InlineData("""{"same_host": "x"}""", "same_host is to be the id of a volume, or a list of them")]
    [InlineData("""{"same_host": ["11111111-1111-4111-8111-111111111111", 7]}""", "same_host is to be the id of a volume, or a list of them")]
    [InlineData("""{"same_host": null}""", "same_host is to be the id of a volume, or a list of them")]
    public void Beside(string hints, string? why) => Assert.Equal(why, Filters.SameBackend.WhyNot(Pool(), Request(hints)));

    [Fact]
    public void Away()
    {
        Assert.Equal($"volume {A} of different_host lies in it", Filters.DifferentBackend.WhyNot(Pool(), Request($$"""{"different_host": ["{{B}}", "{{A}}"]}""")));
        Assert.Null(Filters.DifferentBackend.WhyNot(Pool("h@b#p2"), Request($$"""{"different_host": "{{A}}"}""")));
        Assert.Null(Filters.DifferentBackend.WhyNot(Pool(), Request()));
        Assert.NotNull(Filters.DifferentBackend.WhyNot(Pool("h@b#p2"), Request("""{"different_host": "x"}""")));
    }

    [Fact]
    public void Nobody_knows_where_servers_run()
    {
        Assert.Null(Filters.InstanceLocality.WhyNot(Pool(), Request()));
        Assert.Equal($"nobody can say where server {A} runs: no compute service is configured",
            Filters.InstanceLocality.WhyNot(Pool(), Request($$"""{"local_to_instance": "{{A}}"}""")));
        Assert.Equal("local_to_instance is to be the id of a server", Filters.InstanceLocality.WhyNot(Pool(), Request("""{"local_to_instance": 5}""")));
    }

    [Theory]
    [InlineData("""["=", "$backend_id", "h@b#p1"]""", null)]
    [InlineData("""[">=", "$free_capacity_gb", 40]""", null)]
    [InlineData("""[">", "$free_capacity_gb", 40]""", "the query says no")]
    [InlineData("""["and", [">", "$total_capacity_gb", 10], ["=", "$capabilities.ssd", true]]""", null)]
    [InlineData("""["or", ["=", "$host", "x"], ["in", "$vendor_name", "Other", "Clinker"]]""", null)]
    [InlineData("""["not", ["=", "$vendor_name", "Clinker"]]""", "the query says no")]
    [InlineData("""["and", ["not", ["=", "$vendor_name", "Clinker"]], true]""", "the query says no")]
    [InlineData("""["<", "$free_capacity_gb", 50, 41]""", null)]
    [InlineData("""["=", "$no_such_thing", 5]""", "the query says no")]
    [InlineData("""["="]""", "the query says no")]
    [InlineData("[]", null)]
    [InlineData("""["like", 1, 2]""", "the query is wrong: there is no like")]
    [InlineData("""["<", "$vendor_name", 5]""", "the query is wrong: 'Clinker' is no number")]
    [InlineData("[", "the query is wrong: it is no JSON")]
    [InlineData("""["=", {"a": 1}, 1]""", "the query is wrong: an object says nothing here")]
    public void A_query_in_JSON(string query, string? why)
    {
        var hints = System.Text.Json.JsonSerializer.Serialize(new Dictionary<string, string> { ["query"] = query });
        Assert.Equal(why, Filters.Json.WhyNot(Pool(can: ("ssd", "True")), Request(hints)));
    }

    [Theory]
    [InlineData("volume.size < 10", null)]
    [InlineData("volume.size > 10", "its filter_function says no")]
    [InlineData("stats.free_capacity_gb - volume.size > 30 and extra.speed >= 3 and qos.iops == 500 and capabilities.vendor_name == 'Clinker'", null)]
    [InlineData("extra.colour == 'red'", "its filter_function has no value: there is no extra.colour")]
    [InlineData("stats.host == 'h@b#p1'", null)]
    public void A_backends_own_condition(string function, string? why) =>
        Assert.Equal(why, Filters.Driver.WhyNot(Pool(can: ("filter_function", function)), Request()));

    [Fact]
    public void A_backend_without_a_condition_takes_all() => Assert.Null(Filters.Driver.WhyNot(Pool(), Request()));

    static string Chosen(string weigher, double multiplier, params Pool[] pools) =>
        Scheduler.Place(pools, Request(), [], [Weighers.All[weigher](multiplier)]).Chosen!.Name;

    [Fact]
    public void Weighers_prefer_what_they_are_told_to()
    {
        var (few, many) = (Pool("few", free: 10, allocated: 90, volumes: 1), Pool("many", free: 90, allocated: 5, volumes: 9));
        Assert.Equal("few", Chosen("VolumeNumberWeigher", -1, many, few));
        Assert.Equal("many", Chosen("VolumeNumberWeigher", 1, many, few));
        Assert.Equal("many", Chosen("AllocatedCapacityWeigher", -1, many, few));
        Assert.Equal("few", Chosen("AllocatedCapacityWeigher", 1, many, few));
        var (good, better) = (Pool("good", can: ("goodness_function", "50")), Pool("better", can: ("goodness_function", "volume.size == 5")));
        Assert.Equal("better", Chosen("GoodnessWeigher", 1, good, better));
        foreach (var bad in (string[])["200", "-1", "volume.colour", "'a'", "1 / 0"])
            Assert.Equal("good", Chosen("GoodnessWeigher", 1, good, Pool("a bad one", can: ("goodness_function", bad))));
    }

    [Fact]
    public void Chance_is_even_and_the_same_for_the_same_volume()
    {
        Pool[] pools = [Pool("p1"), Pool("p2"), Pool("p3")];
        string Of(int volume) => Scheduler.Place(pools, Request() with { VolumeId = $"v{volume}" }, [], [Weighers.All["ChanceWeigher"](1)]).Chosen!.Name;
        var counts = Enumerable.Range(0, 3000).Select(Of).CountBy(name => name).ToList();
        Assert.Equal(3, counts.Count);
        Assert.All(counts, c => Assert.InRange(c.Value, 850, 1150));
        Assert.All(Enumerable.Range(0, 50), v => Assert.Equal(Of(v), Of(v)));
    }

    [Fact]
    public void By_lot_each_has_as_much_of_a_chance_as_it_weighs()
    {
        Pool[] pools = [Pool("p1", volumes: 10), Pool("p2", volumes: 30), Pool("p3", volumes: 0)];
        Dictionary<string, int> Counts(double multiplier) => Enumerable.Range(0, 4000)
            .Select(v => Scheduler.Place(pools, Request() with { VolumeId = $"v{v}" }, [], [Weighers.All["VolumeNumberWeigher"](multiplier)], WeightHandler.Stochastic).Chosen!.Name)
            .CountBy(name => name).ToDictionary();
        var counts = Counts(1);
        Assert.InRange(counts["p1"], 880, 1120);
        Assert.InRange(counts["p2"], 2880, 3120);
        Assert.DoesNotContain("p3", counts.Keys);
        // Where all weigh less than nothing, all are alike but the one that weighs nothing: none has a chance, so each has the same.
        Assert.All(Counts(-1).Values, n => Assert.InRange(n, 1200, 1470));
    }
}
