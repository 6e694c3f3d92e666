using System.Buffers;
using System.Diagnostics.Metrics;

namespace Clinker.Server.Seeing;

/// <summary>
/// What the instruments of the meter "Clinker" were told, as Prometheus reads it (text format 0.0.4). Names follow
/// OpenTelemetry's mapping: dots become underscores, the unit follows (s: seconds, By: bytes), counters end in _total.
/// </summary>
sealed class Metrics : IDisposable
{
    /// <summary>The one meter that is listened to. Others (the web server's) say what ours says better.</summary>
    public const string MeterName = "Clinker";

    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    readonly MeterListener listener = new();
    readonly SortedDictionary<string, MetricFamily> families = new(StringComparer.Ordinal);
    readonly Lock door = new();
    readonly ProcessMetrics process;

    /// <param name="only">Listens to this meter alone, instead of to all that are called <see cref="MeterName"/>.</param>
    public Metrics(string version, TimeProvider time, Meter? only = null)
    {
        process = new(version, time);
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (only is null ? instrument.Meter.Name != MeterName : instrument.Meter != only) return;
            if (MetricFamily.Of(instrument) is not { } family) return;
            lock (door)
            {
                // The same instrument made twice counts into one family.
                if (families.TryGetValue(family.Name, out var same)) family = same;
                else families.Add(family.Name, family);
            }
            l.EnableMeasurementEvents(instrument, family);
        };
        listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        listener.SetMeasurementEventCallback<int>(static (_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        listener.Start();
    }

    /// <summary>Asks the observable instruments, and writes everything.</summary>
    public void WriteTo(IBufferWriter<byte> to)
    {
        var text = new PrometheusText(to);
        process.WriteTo(text);
        lock (door)
        {
            foreach (var family in families.Values) family.Forget();
            try
            {
                listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // Those that threw are absent from this answer; the others are in it.
            }
            foreach (var family in families.Values) family.WriteTo(text);
        }
    }

    public void Dispose() => listener.Dispose();
}
