using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// The page at <c>/metrics</c> in Prometheus' text form, version 0.0.4: everything that one meter has counted.
/// An instrument's name has its points as underscores, its unit and, for a counter, <c>_total</c> behind it.
/// </summary>
public sealed class MetricsPage : IDisposable
{
    /// <summary>Where it is read.</summary>
    public const string Path = "/metrics";

    /// <summary>The Content-Type of the page.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    // Only instruments with a bounded set of labels are made; this holds should one ever not be.
    private const int MaxSeries = 2000;

    private static readonly double[] DefaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<Instrument, ConcurrentDictionary<string, Series>> instruments = new();

    /// <summary>Begins to count what the meter reports.</summary>
    public MetricsPage(Meter meter)
    {
        listener.InstrumentPublished = (instrument, all) =>
        {
            if (instrument.Meter != meter) return;
            instruments[instrument] = new(StringComparer.Ordinal);
            all.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<int>((i, value, labels, _) => Record(i, value, labels));
        listener.SetMeasurementEventCallback<long>((i, value, labels, _) => Record(i, value, labels));
        listener.SetMeasurementEventCallback<double>((i, value, labels, _) => Record(i, value, labels));
        listener.Start();
    }

    /// <summary>The page as it is now.</summary>
    public string Render()
    {
        // Observed ones are told anew, so that a label that is gone does not stay.
        foreach (var (instrument, series) in instruments)
        {
            if (instrument.IsObservable) series.Clear();
        }

        listener.RecordObservableInstruments();
        var page = new StringBuilder();
        foreach (var (instrument, series) in instruments.OrderBy(i => i.Key.Name, StringComparer.Ordinal)) Append(page, instrument, series);
        return page.ToString();
    }

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var series = instruments[instrument];
        var key = Labels(labels);
        if (!series.TryGetValue(key, out var found))
        {
            if (series.Count >= MaxSeries) return;
            found = series.GetOrAdd(key, _ => new Series(IsHistogram(instrument) ? Buckets(instrument) : []));
        }

        found.Record(value, KindOf(instrument));
    }

    private static void Append(StringBuilder page, Instrument instrument, ConcurrentDictionary<string, Series> series)
    {
        if (series.IsEmpty) return;
        var kind = KindOf(instrument);
        var name = instrument.Name.Replace('.', '_') + Unit(instrument.Unit) + (kind == Kind.Counter ? "_total" : "");
        page.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n# TYPE {name} {kind.ToString().ToLowerInvariant()}\n");
        foreach (var (labels, values) in series.OrderBy(s => s.Key, StringComparer.Ordinal)) values.Append(page, name, labels, kind);
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (labels.IsEmpty) return "";
        var text = new StringBuilder();
        foreach (var (key, value) in labels)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(key).Append("=\"").Append(value?.ToString()?.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
        }

        return text.ToString();
    }

    private static string Unit(string? unit) => unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };

    private static double[] Buckets(Instrument instrument) =>
        instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } advised } ? [.. advised] : DefaultBuckets;

    private static bool IsHistogram(Instrument instrument) => instrument is Histogram<double> or Histogram<long> or Histogram<int>;

    private static Kind KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> or Histogram<long> or Histogram<int> => Kind.Histogram,
        Counter<long> or Counter<int> or Counter<double> or ObservableCounter<long> or ObservableCounter<double> => Kind.Counter,
        _ => Kind.Gauge,
    };

    private enum Kind
    {
        Counter,
        Gauge,
        Histogram,
    }

    private sealed class Series(double[] bounds)
    {
        private readonly Lock gate = new();
        private readonly long[] counts = new long[bounds.Length];
        private double value;
        private long count;

        public void Record(double measured, Kind kind)
        {
            lock (gate)
            {
                count++;
                value = kind == Kind.Gauge ? measured : value + measured;
                for (var i = 0; i < bounds.Length; i++)
                {
                    if (measured <= bounds[i]) counts[i]++;
                }
            }
        }

        public void Append(StringBuilder page, string name, string labels, Kind kind)
        {
            lock (gate)
            {
                if (kind != Kind.Histogram)
                {
                    page.Append(CultureInfo.InvariantCulture, $"{name}{Braced(labels)} {value}\n");
                    return;
                }

                for (var i = 0; i < bounds.Length; i++) page.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced(Joined(labels, $"le=\"{bounds[i].ToString(CultureInfo.InvariantCulture)}\""))} {counts[i]}\n");
                page.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced(Joined(labels, "le=\"+Inf\""))} {count}\n");
                page.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(labels)} {value}\n{name}_count{Braced(labels)} {count}\n");
            }
        }

        private static string Joined(string labels, string last) => labels.Length == 0 ? last : $"{labels},{last}";

        private static string Braced(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";
    }
}
