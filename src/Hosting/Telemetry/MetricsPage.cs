using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// The page at <c>/metrics</c> in Prometheus' text form, version 0.0.4: everything that one meter has counted.
/// An instrument's name has its points as underscores, its unit and, for a counter, <c>_total</c> behind it. Counting what has
/// been counted under the same labels before allocates nothing.
/// </summary>
public sealed class MetricsPage : IDisposable
{
    /// <summary>Where Prometheus scrapes.</summary>
    public const string Path = "/metrics";

    /// <summary>The Content-Type of the page.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener listener = new();
    private readonly ConcurrentBag<MetricFamily> families = [];
    private readonly Lock rendering = new();

    /// <summary>Begins to count what the meter reports.</summary>
    public MetricsPage(Meter meter)
    {
        Meter = meter;
        listener.InstrumentPublished = (instrument, all) =>
        {
            if (instrument.Meter != meter) return;
            var family = new MetricFamily(instrument);
            families.Add(family);
            all.EnableMeasurementEvents(instrument, family);
        };
        listener.SetMeasurementEventCallback<int>(static (_, value, labels, family) => (family as MetricFamily)?.Record(value, labels));
        listener.SetMeasurementEventCallback<long>(static (_, value, labels, family) => (family as MetricFamily)?.Record(value, labels));
        listener.SetMeasurementEventCallback<double>(static (_, value, labels, family) => (family as MetricFamily)?.Record(value, labels));
        listener.Start();
    }

    /// <summary>The meter whose instruments the page shows.</summary>
    public Meter Meter { get; }

    /// <summary>The page as it is now.</summary>
    public string Render()
    {
        lock (rendering)
        {
            foreach (var family in families) family.BeginPage();
            listener.RecordObservableInstruments();
            var page = new StringBuilder();
            foreach (var family in families.OrderBy(f => f.Name, StringComparer.Ordinal)) family.Append(page);
            return page.ToString();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();
}

/// <summary>The series of one instrument.</summary>
internal sealed class MetricFamily
{
    // Only instruments with a bounded set of labels are made; this holds should one ever not be.
    private const int MaxSeries = 2000;

    private static readonly double[] DefaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], MetricSeries> series = new(LabelComparer.Instance);
    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[],
        MetricSeries>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> byLabels;
    private readonly bool isObserved;
    private readonly double[] bounds;
    private readonly MetricKind kind;
    private readonly string head;

    public MetricFamily(Instrument instrument)
    {
        byLabels = series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        kind = KindOf(instrument);
        isObserved = instrument.IsObservable;
        bounds = kind != MetricKind.Histogram
            ? []
            : instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } advised } ? [.. advised] : DefaultBuckets;
        Name = instrument.Name.Replace('.', '_') + Unit(instrument.Unit) + (kind == MetricKind.Counter ? "_total" : "");
        head = $"# HELP {Name} {instrument.Description}\n# TYPE {Name} {kind.ToString().ToLowerInvariant()}\n";
    }

    /// <summary>The name that Prometheus knows it by.</summary>
    public string Name { get; }

    /// <summary>Observed ones are told anew for every page, so that a label that is gone does not stay.</summary>
    public void BeginPage()
    {
        if (isObserved) series.Clear();
    }

    /// <summary>Records one measurement of the instrument.</summary>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (!byLabels.TryGetValue(labels, out var found))
        {
            if (series.Count >= MaxSeries) return;
            found = series.GetOrAdd(labels.ToArray(), all => new MetricSeries(Text(all), bounds, kind));
        }

        found.Record(value);
    }

    /// <summary>Appends the text form (Prometheus text format 0.0.4).</summary>
    public void Append(StringBuilder page)
    {
        page.Append(head);
        foreach (var one in series.Values.OrderBy(s => s.Labels, StringComparer.Ordinal)) one.Append(page, Name);
    }

    private static string Text(KeyValuePair<string, object?>[] labels)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in labels)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(key).Append("=\"").Append(
                value?.ToString()?.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
        }

        return text.ToString();
    }

    private static string Unit(string? unit) => unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };

    private static MetricKind KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> or Histogram<long> or Histogram<int> => MetricKind.Histogram,
        Counter<long> or Counter<int> or Counter<double> or ObservableCounter<long> or ObservableCounter<double> => MetricKind.Counter,
        _ => MetricKind.Gauge,
    };

    /// <summary>Compares labels in the order in which they are given, which is always the same for an instrument.</summary>
    private sealed class LabelComparer
        : IEqualityComparer<KeyValuePair<string, object?>[]>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>,
            KeyValuePair<string, object?>[]>
    {
        public static readonly LabelComparer Instance = new();

        public bool Equals(KeyValuePair<string, object?>[]? x, KeyValuePair<string, object?>[]? y) =>
            x is not null && y is not null && Equals(x.AsSpan(), y);

        public int GetHashCode(KeyValuePair<string, object?>[] labels) => GetHashCode(labels.AsSpan());

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, KeyValuePair<string, object?>[] other)
        {
            if (alternate.Length != other.Length) return false;
            for (var i = 0; i < other.Length; i++)
            {
                if (alternate[i].Key != other[i].Key || !Equals(alternate[i].Value, other[i].Value)) return false;
            }

            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = 0;
            foreach (var (_, value) in alternate) hash = HashCode.Combine(hash, value);
            return hash;
        }

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => alternate.ToArray();
    }
}

/// <summary>The kind of a metric (Prometheus text format, <c>TYPE</c>).</summary>
internal enum MetricKind
{
    /// <summary>A value that only grows.</summary>
    Counter,

    /// <summary>A value that rises and falls.</summary>
    Gauge,

    /// <summary>How values are distributed.</summary>
    Histogram,
}

/// <summary>What one instrument has counted under one set of labels.</summary>
/// <param name="labels">The labels as the page writes them.</param>
/// <param name="bounds">The upper bounds of a histogram's buckets.</param>
/// <param name="kind">What it tells.</param>
internal sealed class MetricSeries(string labels, double[] bounds, MetricKind kind)
{
    private readonly Lock gate = new();
    private readonly long[] counts = new long[bounds.Length + 1];
    private double value;

    /// <summary>The labels as the page writes them, without braces.</summary>
    public string Labels => labels;

    /// <summary>Records one measurement of the instrument.</summary>
    public void Record(double measured)
    {
        var bucket = 0;
        while (bucket < bounds.Length && measured > bounds[bucket]) bucket++;
        lock (gate)
        {
            counts[bucket]++;
            value = kind == MetricKind.Gauge ? measured : value + measured;
        }
    }

    /// <summary>Appends the text form (Prometheus text format 0.0.4).</summary>
    public void Append(StringBuilder page, string name)
    {
        lock (gate)
        {
            if (kind != MetricKind.Histogram)
            {
                page.Append(CultureInfo.InvariantCulture, $"{name}{Braced(labels)} {value}\n");
                return;
            }

            var total = 0L;
            for (var i = 0; i < counts.Length; i++)
            {
                var bound = i < bounds.Length ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                page.Append(
                    CultureInfo.InvariantCulture, $"{name}_bucket{Braced(Joined(labels, $"le=\"{bound}\""))} {total += counts[i]}\n");
            }

            page.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(labels)} {value}\n{name}_count{Braced(labels)} {total}\n");
        }
    }

    private static string Joined(string labels, string last) => labels.Length == 0 ? last : $"{labels},{last}";

    private static string Braced(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";
}
