using System.Buffers;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Clinker.Server.Seeing;
using CsCheck;
using Xunit;

namespace Clinker.Tests.Seeing;

public sealed partial class MetricsTests : IDisposable
{
    readonly Meter meter = new("Clinker");
    readonly Metrics metrics;

    public MetricsTests() => metrics = new("0.1.0", TimeProvider.System, meter);

    public void Dispose()
    {
        metrics.Dispose();
        meter.Dispose();
    }

    [Fact]
    public void Counters_add_up_by_their_tags()
    {
        var counter = meter.CreateCounter<long>("clinker.api.requests", description: "Requests.\nBy route \\ status.");
        counter.Add(2, new("route", "volume_create"), new("status", 202));
        counter.Add(3, new("status", 202), new KeyValuePair<string, object?>("route", "volume_create"));
        counter.Add(1, new("route", "volume_show"), new KeyValuePair<string, object?>("status", 200));
        var read = Read();
        Assert.Equal("counter", read.Types["clinker_api_requests_total"]);
        Assert.Equal("Requests.\\nBy route \\\\ status.", read.Help["clinker_api_requests_total"]);
        Assert.Equal(5, read["clinker_api_requests_total", ("route", "volume_create"), ("status", "202")]);
        Assert.Equal(1, read["clinker_api_requests_total", ("route", "volume_show"), ("status", "200")]);
    }

    [Fact]
    public void A_histogram_counts_into_the_bounds_that_were_advised()
    {
        var seconds = meter.CreateHistogram("clinker.step", "s", "Steps.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        foreach (var value in new[] { 0.05, 0.1, 0.5, 5, 50, 500 }) seconds.Record(value, new KeyValuePair<string, object?>("step", "create"));
        var read = Read();
        Assert.Equal("histogram", read.Types["clinker_step_seconds"]);
        Assert.Equal([2, 3, 4, 6], new[] { "0.1", "1", "10", "+Inf" }.Select(le => read["clinker_step_seconds_bucket", ("step", "create"), ("le", le)]));
        Assert.Equal((6, 555.65), (read["clinker_step_seconds_count", ("step", "create")], Math.Round(read["clinker_step_seconds_sum", ("step", "create")], 9)));
    }

    [Fact]
    public void Gauges_say_how_it_is_now()
    {
        var pools = new Dictionary<string, double> { ["a"] = 1.5, ["b"] = double.PositiveInfinity };
        meter.CreateObservableGauge("clinker.pool.free", () => pools.Select(p => new Measurement<double>(p.Value, new KeyValuePair<string, object?>("pool", p.Key))), "By");
        meter.CreateObservableCounter("clinker.seen", () => 7L);
        var open = meter.CreateUpDownCounter<int>("clinker.open");
        open.Add(5);
        open.Add(-2);
        meter.CreateGauge<long>("clinker.depth").Record(4);
        Read();
        pools.Remove("a");
        var read = Read();
        Assert.Equal(["b"], read.Samples.Where(s => s.Name == "clinker_pool_free_bytes").Select(s => s.Labels[0].Value));
        Assert.Equal(double.PositiveInfinity, read["clinker_pool_free_bytes", ("pool", "b")]);
        Assert.Equal((7, 3, 4), (read["clinker_seen_total"], read["clinker_open"], read["clinker_depth"]));
    }

    [Fact]
    public void An_instrument_that_throws_takes_only_itself_away()
    {
        meter.CreateObservableGauge("clinker.bad", new Func<long>(() => throw new InvalidOperationException()));
        meter.CreateObservableGauge("clinker.good", () => 1L);
        var read = Read();
        Assert.Equal(1, read["clinker_good"]);
        Assert.DoesNotContain(read.Samples, s => s.Name == "clinker_bad");
    }

    [Fact]
    public void A_tag_that_takes_any_value_does_not_fill_the_memory()
    {
        var counter = meter.CreateCounter<long>("clinker.unbounded");
        for (var i = 0; i < 3 * MetricFamily.MaxSeries; i++) counter.Add(1, new KeyValuePair<string, object?>("id", i.ToString(CultureInfo.InvariantCulture)));
        var samples = Read().Samples.Where(s => s.Name == "clinker_unbounded_total").ToList();
        Assert.Equal(MetricFamily.MaxSeries + 1, samples.Count);
        Assert.Equal(2 * MetricFamily.MaxSeries, Read()["clinker_unbounded_total", ("overflow", "true")]);
        Assert.Equal(3 * MetricFamily.MaxSeries, samples.Sum(s => s.Value));
    }

    [Fact]
    public async Task Nothing_is_lost_when_many_measure_at_once()
    {
        var counter = meter.CreateCounter<double>("clinker.busy");
        var histogram = meter.CreateHistogram<double>("clinker.busy.time", "s");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Host.Background.Start(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                counter.Add(0.5, new KeyValuePair<string, object?>("kind", "x"));
                histogram.Record(i % 3);
            }
            return Task.CompletedTask;
        })));
        var read = Read();
        Assert.Equal(40_000, read["clinker_busy_total", ("kind", "x")]);
        Assert.Equal(80_000, read["clinker_busy_time_seconds_count"]);
    }

    [Fact]
    public void Says_how_the_process_is()
    {
        var read = Read();
        Assert.Equal(1, read["clinker_build_info", ("version", "0.1.0")]);
        Assert.InRange(read["process_resident_memory_bytes"], 10e6, 10e9);
        Assert.InRange(read["process_open_fds"], 4, read["process_max_fds"]);
        Assert.InRange(read["process_threads"], 2, 10_000);
        Assert.True(read["process_cpu_seconds_total"] > 0);
        Assert.True(read["dotnet_gc_heap_bytes"] > 0);
        Assert.Equal(3, read.Samples.Count(s => s.Name == "dotnet_gc_collections_total"));
    }

    /// <summary>Whatever stands in a label comes back from a reader as it was.</summary>
    [Fact]
    public void Labels_are_escaped()
    {
        var nasty = Gen.Char["ab\\\"\n{}=, é#"].Array[0, 8].Select(c => new string(c));
        nasty.Array[1, 3].Sample(values =>
        {
            using var own = new Meter("Clinker");
            using var reader = new Metrics("0", TimeProvider.System, own);
            own.CreateCounter<long>("x").Add(1, values.Select((v, i) => new KeyValuePair<string, object?>($"l.{i}", v)).ToArray());
            var read = Parsed(reader);
            return read.Samples.Single(s => s.Name == "x_total").Labels.Select(l => l.Value).SequenceEqual(values);
        }, iter: 300);
    }

    /// <summary>What the runtime takes for itself once (a better compiled method, a table) is not counted: some round is without it.</summary>
    [Fact]
    public void Measuring_takes_no_memory()
    {
        var histogram = meter.CreateHistogram<double>("clinker.request", "s");
        var least = Enumerable.Range(0, 20).Min(_ => Taken());
        Assert.Equal(0, least);

        long Taken()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 1000; i++) histogram.Record(1, new("route", "volume_show"), new KeyValuePair<string, object?>("status", "200"));
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    Exposition Read() => Parsed(metrics);

    static Exposition Parsed(Metrics metrics)
    {
        var to = new ArrayBufferWriter<byte>();
        metrics.WriteTo(to);
        return Exposition.Parse(new UTF8Encoding(false, true).GetString(to.WrittenSpan));
    }

    sealed record Sample(string Name, IReadOnlyList<KeyValuePair<string, string>> Labels, double Value);

    /// <summary>A strict reader of the text format: anything it does not know fails the test.</summary>
    sealed partial class Exposition
    {
        public Dictionary<string, string> Types { get; } = [];
        public Dictionary<string, string> Help { get; } = [];
        public List<Sample> Samples { get; } = [];

        public double this[string name, params (string, string)[] labels] => Samples.Single(s =>
            s.Name == name && s.Labels.Count == labels.Length && labels.All(l => s.Labels.Contains(KeyValuePair.Create(l.Item1, l.Item2)))).Value;

        public static Exposition Parse(string text)
        {
            var read = new Exposition();
            string? family = null;
            Assert.EndsWith("\n", text, StringComparison.Ordinal);
            foreach (var line in text[..^1].Split('\n'))
            {
                if (line.StartsWith("# HELP ", StringComparison.Ordinal))
                {
                    var words = line.Split(' ', 4);
                    Assert.True(read.Help.TryAdd(words[2], words[3]), line);
                }
                else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
                {
                    var words = line.Split(' ');
                    Assert.Equal(4, words.Length);
                    Assert.Contains(words[3], new[] { "counter", "gauge", "histogram" });
                    Assert.True(read.Types.TryAdd(family = words[2], words[3]), line);
                }
                else
                {
                    var match = Line().Match(line);
                    Assert.True(match.Success, line);
                    var name = match.Groups["name"].Value;
                    // A sample follows the type of its own family.
                    Assert.True(name == family || (read.Types[family!] == "histogram" && Suffix().Replace(name, "") == family), line);
                    var labels = match.Groups["label"].Captures.Zip(match.Groups["value"].Captures)
                        .Select(p => KeyValuePair.Create(p.First.Value, Unescape(p.Second.Value))).ToList();
                    var value = match.Groups["number"].Value switch { "+Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, var n => double.Parse(n, CultureInfo.InvariantCulture) };
                    Assert.DoesNotContain(read.Samples, s => s.Name == name && s.Labels.ToHashSet().SetEquals(labels));
                    read.Samples.Add(new(name, labels, value));
                }
            }
            return read;
        }

        static string Unescape(string text) => Escaped().Replace(text, m => m.Value switch { "\\n" => "\n", "\\\"" => "\"", _ => "\\" });

        [GeneratedRegex("""\A(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?:(?<label>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\]|\\[\\"n])*)",?)*\})? (?<number>[-+0-9.eEInfNa]+)\z""")]
        private static partial Regex Line();
        [GeneratedRegex(@"\\[\\""n]")] private static partial Regex Escaped();
        [GeneratedRegex("_(bucket|sum|count)$")] private static partial Regex Suffix();
    }
}
