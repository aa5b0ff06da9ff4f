using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>A span as a collector receives it; ids in hexadecimal.</summary>
public sealed record ReceivedSpan(string Service, string Name, string TraceId, string SpanId, string ParentId);

/// <summary>A collector of traces and metrics: takes OTLP over HTTP in protobuf and keeps what a test looks at.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<ReceivedSpan> spans = new();
    private readonly ConcurrentQueue<string> metrics = new();
    private readonly WebApplication app;

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<ILoggerFactory>(LoggerFactory.Create(_ => { }));
        app = builder.Build();
        app.Run(TakeAsync);
    }

    /// <summary>Where it takes them.</summary>
    public Uri Url => new(app.Urls.First());

    /// <summary>The spans so far.</summary>
    public IReadOnlyList<ReceivedSpan> Spans => [.. spans];

    /// <summary>The names of the metrics so far.</summary>
    public IReadOnlyList<string> Metrics => [.. metrics.Distinct(StringComparer.Ordinal)];

    /// <summary>Starts one.</summary>
    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver.app.StartAsync();
        return receiver;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var isTraces = context.Request.Path == "/v1/traces";
        foreach (var resource in Inside(body.ToArray(), 1))
        {
            var service = isTraces ? ServiceOf(resource) : "";
            foreach (var item in Inside(resource, 2).SelectMany(scope => Inside(scope, 2)))
            {
                if (isTraces) spans.Enqueue(new ReceivedSpan(service, Text(item, 5), Hex(item, 1), Hex(item, 2), Hex(item, 4)));
                else metrics.Enqueue(Text(item, 1));
            }
        }

        context.Response.ContentType = "application/x-protobuf";
    }

    /// <summary>The resource's attribute <c>service.name</c>: KeyValue.key is field 1, AnyValue.string_value field 1 of field 2.</summary>
    private static string ServiceOf(byte[] resource) => Inside(resource, 1).SelectMany(r => Inside(r, 1))
        .Where(attribute => Text(attribute, 1) == "service.name").Select(attribute => Text(Inside(attribute, 2).Single(), 1)).Single();

    private static string Text(byte[] message, int field) => Encoding.UTF8.GetString(Inside(message, field).FirstOrDefault() ?? []);

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Inside(message, field).FirstOrDefault() ?? []);

    /// <summary>The contents of a field that has a length, in protobuf's encoding.</summary>
    private static List<byte[]> Inside(byte[] message, int field)
    {
        var found = new List<byte[]>();
        for (var at = 0; at < message.Length;)
        {
            var tag = Number(message, ref at);
            switch (tag & 7)
            {
                case 0: Number(message, ref at); break;
                case 1: at += 8; break;
                case 5: at += 4; break;
                case 2:
                    var length = (int)Number(message, ref at);
                    if ((int)(tag >> 3) == field) found.Add(message[at..(at + length)]);
                    at += length;
                    break;
                default: throw new InvalidDataException($"no protobuf: wire type {tag & 7}");
            }
        }

        return found;
    }

    private static ulong Number(byte[] message, ref int at)
    {
        var (value, shift) = (0UL, 0);
        while (true)
        {
            var next = message[at++];
            value |= (ulong)(next & 127) << shift;
            if (next < 128) return value;
            shift += 7;
        }
    }
}
