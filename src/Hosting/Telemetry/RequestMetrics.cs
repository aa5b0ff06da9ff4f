using System.Diagnostics.Metrics;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>Counts requests. Every label is one of few fixed texts, so that counting allocates nothing and the page stays small.</summary>
public sealed class RequestMetrics
{
    private static readonly string[] StatusClasses = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

    private readonly Counter<long> requests;
    private readonly Histogram<double> durations;
    private readonly Counter<long> received;
    private readonly Counter<long> sent;
    private long active;

    public RequestMetrics(Meter meter)
    {
        requests = meter.CreateCounter<long>(
            "authindex.http.requests",
            description: "Requests answered, by route, method and class of status (aborted: broken off, as when the client hung up).");
        durations = meter.CreateHistogram<double>(
            "authindex.http.request.duration", "s", "How long requests took, the sending of their answers included.");
        received = meter.CreateCounter<long>("authindex.http.received", "By", "Bytes of the bodies of requests.");
        sent = meter.CreateCounter<long>("authindex.http.sent", "By", "Bytes of the bodies of answers.");
        meter.CreateObservableGauge(
            "authindex.http.requests.active", () => Interlocked.Read(ref active), description: "Requests under way.");
    }

    /// <summary>Counts a request as under way.</summary>
    public void Begin() => Interlocked.Increment(ref active);

    /// <summary>Counts a finished request.</summary>
    /// <param name="route">Its route, of the server's table.</param>
    /// <param name="method">Its method, as the client wrote it.</param>
    /// <param name="status">The status; 0 when the answer was broken off, as when the client hung up.</param>
    /// <param name="duration">How long it took.</param>
    /// <param name="bytesReceived">Bytes of its body.</param>
    /// <param name="bytesSent">Bytes of the answer's.</param>
    public void End(string route, string method, int status, TimeSpan duration, long bytesReceived, long bytesSent)
    {
        Interlocked.Decrement(ref active);
        var known = KnownMethod(method);
        var outcome = status == 0 ? "aborted" : StatusClasses[status is >= 100 and < 600 ? status / 100 : 0];
        requests.Add(1, new("route", route), new("method", known), new("status", outcome));
        durations.Record(duration.TotalSeconds, new("route", route), new("method", known));
        if (bytesReceived > 0) received.Add(bytesReceived, new KeyValuePair<string, object?>("route", route));
        if (bytesSent > 0) sent.Add(bytesSent, new KeyValuePair<string, object?>("route", route));
    }

    private static string KnownMethod(string method) => method switch
    {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
}
