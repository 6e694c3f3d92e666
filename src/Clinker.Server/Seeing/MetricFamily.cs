using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Clinker.Server.Seeing;

/// <summary>What one instrument measured: a series for each set of tags.</summary>
sealed class MetricFamily
{
    /// <summary>
    /// How many series a family may have. A tag that takes any value (an id, a path) would fill the memory; what is too much is
    /// counted together under <c>overflow="true"</c>.
    /// </summary>
    public const int MaxSeries = 1000;

    /// <summary>Where an instrument in seconds gives no bounds itself (InstrumentAdvice).</summary>
    static readonly double[] SecondsBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
    static readonly double[] OtherBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

    enum Kind { Counter, Gauge, Sum, Histogram }

    readonly Kind kind;
    readonly string help;
    readonly bool observed;
    readonly double[] bounds;
    readonly ConcurrentDictionary<Tags, Series> series = new(TagsComparer.Instance);
    readonly ConcurrentDictionary<Tags, Series>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> byTags;

    MetricFamily(Instrument instrument, Kind kind, double[] bounds)
    {
        (this.kind, this.bounds) = (kind, bounds);
        observed = instrument.IsObservable;
        help = instrument.Description ?? "";
        Name = NameOf(instrument, kind == Kind.Counter);
        byTags = series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public string Name { get; }

    /// <summary>Null for a kind or a number that is not used here.</summary>
    public static MetricFamily? Of(Instrument instrument) => instrument switch
    {
        Counter<long> or Counter<int> or Counter<double> or ObservableCounter<long> or ObservableCounter<int> or ObservableCounter<double>
            => new(instrument, Kind.Counter, []),
        UpDownCounter<long> or UpDownCounter<int> or UpDownCounter<double> => new(instrument, Kind.Sum, []),
        Gauge<long> or Gauge<int> or Gauge<double> or ObservableGauge<long> or ObservableGauge<int> or ObservableGauge<double>
            or ObservableUpDownCounter<long> or ObservableUpDownCounter<int> or ObservableUpDownCounter<double> => new(instrument, Kind.Gauge, []),
        Histogram<double> h => new(h, Kind.Histogram, Bounds(h.Advice?.HistogramBucketBoundaries, h.Unit)),
        Histogram<long> h => new(h, Kind.Histogram, Bounds(h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b), h.Unit)),
        Histogram<int> h => new(h, Kind.Histogram, Bounds(h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b), h.Unit)),
        _ => null,
    };

    static double[] Bounds(IEnumerable<double>? advised, string? unit) => advised is null ? unit == "s" ? SecondsBounds : OtherBounds : [.. advised];

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!byTags.TryGetValue(tags, out var one))
        {
            var key = series.Count < MaxSeries ? Tags.Of(tags) : Tags.Overflow;
            one = series.GetOrAdd(key, static (k, bounds) => new Series(PrometheusText.Labels(k.Pairs), bounds.Length), bounds);
        }
        if (kind == Kind.Histogram) one.Observe(value, bounds);
        else if (kind == Kind.Gauge || observed) one.Set(value);
        else one.Add(value);
    }

    /// <summary>Before observable instruments are asked again: what they no longer speak of is gone.</summary>
    public void Forget()
    {
        if (observed) series.Clear();
    }

    public void WriteTo(PrometheusText text)
    {
        if (series.IsEmpty) return;
        text.Family(Name, kind switch { Kind.Counter => "counter", Kind.Histogram => "histogram", _ => "gauge" }, help);
        foreach (var one in series.Values.OrderBy(s => s.Labels, StringComparer.Ordinal))
        {
            if (kind != Kind.Histogram)
            {
                text.Sample(Name, one.Labels, one.Value);
                continue;
            }
            var before = one.Labels.Length == 0 ? "" : one.Labels + ",";
            // The total is the sum of the buckets as they are read, so that they agree however much is measured meanwhile.
            var count = 0L;
            for (var i = 0; i <= bounds.Length; i++)
            {
                count += one.Bucket(i);
                text.Sample(Name + "_bucket", $"{before}le=\"{(i == bounds.Length ? "+Inf" : bounds[i].ToString(CultureInfo.InvariantCulture))}\"", count);
            }
            text.Sample(Name + "_sum", one.Labels, one.Value);
            text.Sample(Name + "_count", one.Labels, count);
        }
    }

    static string NameOf(Instrument instrument, bool counter)
    {
        var name = PrometheusText.Legal(instrument.Name, colon: true);
        var unit = instrument.Unit switch { "s" => "seconds", "By" => "bytes", "1" or null or "" => null, ['{', ..] => null, var other => PrometheusText.Legal(other, colon: false) };
        if (unit is not null && !name.EndsWith("_" + unit, StringComparison.Ordinal)) name += "_" + unit;
        return counter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    sealed class Series(string labels, int bounds)
    {
        readonly long[] buckets = new long[bounds + 1];
        double value;

        public string Labels => labels;
        public double Value => Volatile.Read(ref value);

        public long Bucket(int i) => Volatile.Read(ref buckets[i]);

        public void Set(double to) => Volatile.Write(ref value, to);

        public void Add(double more)
        {
            for (var seen = Volatile.Read(ref value); ;)
            {
                var was = Interlocked.CompareExchange(ref value, seen + more, seen);
                if (was.Equals(seen)) return;
                seen = was;
            }
        }

        public void Observe(double measured, double[] upTo)
        {
            var i = Array.BinarySearch(upTo, measured);
            Interlocked.Increment(ref buckets[i < 0 ? ~i : i]);
            Add(measured);
        }
    }

    /// <summary>Tags as they are kept: text, in the order in which they came first.</summary>
    sealed record Tags(KeyValuePair<string, string>[] Pairs)
    {
        public static readonly Tags Overflow = new([new("overflow", "true")]);

        public static Tags Of(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var pairs = new KeyValuePair<string, string>[tags.Length];
            for (var i = 0; i < pairs.Length; i++) pairs[i] = new(tags[i].Key, Text(tags[i].Value));
            return new(pairs);
        }

        public static string Text(object? value) => value as string ?? Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
    }

    /// <summary>The same names with the same values, in any order. Looks up without making anything, where values are strings.</summary>
    sealed class TagsComparer : IEqualityComparer<Tags>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, Tags>
    {
        public static readonly TagsComparer Instance = new();

        public bool Equals(Tags? a, Tags? b)
        {
            if (a is null || b is null || a.Pairs.Length != b.Pairs.Length) return ReferenceEquals(a, b);
            foreach (var pair in a.Pairs)
                if (Array.IndexOf(b.Pairs, pair) < 0) return false;
            return true;
        }

        public int GetHashCode(Tags tags)
        {
            var hash = 0;
            foreach (var (name, value) in tags.Pairs) hash ^= HashCode.Combine(name, value);
            return hash;
        }

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> tags, Tags other)
        {
            if (tags.Length != other.Pairs.Length) return false;
            foreach (ref readonly var tag in tags)
            {
                var found = false;
                foreach (ref readonly var pair in other.Pairs.AsSpan())
                    if (pair.Key == tag.Key && pair.Value == Tags.Text(tag.Value)) { found = true; break; }
                if (!found) return false;
            }
            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var hash = 0;
            foreach (ref readonly var tag in tags) hash ^= HashCode.Combine(tag.Key, Tags.Text(tag.Value));
            return hash;
        }

        public Tags Create(ReadOnlySpan<KeyValuePair<string, object?>> tags) => Tags.Of(tags);
    }
}
