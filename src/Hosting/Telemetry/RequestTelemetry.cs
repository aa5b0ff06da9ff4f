using System.Diagnostics;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>Wraps every request: assigns its id, and reports it to the metrics, the trace and the access log when it is over.</summary>
public sealed class RequestTelemetry(ListenerOptions options, RequestMetrics metrics, AccessLog accessLog, TimeProvider time)
    : IStartupFilter
{
    private readonly bool isTraced = options.Telemetry.OtlpEndpoint is not null;

    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(rest => context => RunAsync(rest, context));
        next(app);
    };

    private async Task RunAsync(RequestDelegate rest, HttpContext context)
    {
        var started = time.GetTimestamp();
        var record = new RequestRecord(RequestId.Of(context.Request.Headers[RequestId.Header]));
        RequestRecord.Current = record;
        context.TraceIdentifier = record.Id;
        RequestId.AddTo(context);
        metrics.Begin();
        var isBroken = true;
        try
        {
            await rest(context);
            isBroken = false;
        }
        finally
        {
            Finish(context, record, isBroken, time.GetElapsedTime(started));
        }
    }

    private void Finish(HttpContext context, RequestRecord record, bool isBroken, TimeSpan duration)
    {
        var (request, response) = (context.Request, context.Response);
        var status = IsBrokenOff(context, record)
            ? 0
            : isBroken && !response.HasStarted ? StatusCodes.Status500InternalServerError : response.StatusCode;
        var received = record.Received ?? request.ContentLength ?? 0;
        var sent = record.Sent ?? (HttpMethods.IsHead(request.Method) ? 0 : response.ContentLength ?? 0);
        metrics.End(record.Route, request.Method, status, duration, received, sent);
        if (isTraced && Activity.Current is { IsAllDataRequested: true } span) Describe(span, request.Method, record, status);
        if (accessLog.IsOn)
        {
            accessLog.Add(new AccessLine(record, LogText.Clean(request.Method), status, received, sent, duration,
                ClientAddress.Of(context.Connection)));
        }
    }

    // Who hangs up on the last byte has had the whole answer; and who hung up before may be known by what was not sent only,
    // since Kestrel tells of it on another thread.
    private static bool IsBrokenOff(HttpContext context, RequestRecord record)
    {
        if (!context.Response.HasStarted) return record.IsBrokenOff || context.RequestAborted.IsCancellationRequested;
        return record.Sent is { } sent && sent < context.Response.ContentLength;
    }

    // The names are those of OpenTelemetry's semantic conventions, where they have one.
    private static void Describe(Activity span, string method, RequestRecord record, int status)
    {
        span.DisplayName = $"{method} {record.Route}";
        span.SetTag("http.request.method", method);
        span.SetTag("http.route", record.Route);
        if (status > 0) span.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError) span.SetStatus(ActivityStatusCode.Error);
        span.SetTag("authindex.request_id", record.Id);
        if (record.Repository is not null) span.SetTag("authindex.repository", record.Repository);
        if (record.Decision is not null) span.SetTag("authindex.decision", record.Decision);
        if (record.TokenId is not null) span.SetTag("authindex.token_id", record.TokenId);
    }
}
