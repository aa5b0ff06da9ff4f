using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Load.Upstreams;

/// <summary>A registry of which images are pulled through ours: it has what it is given, and counts and times what it sends.</summary>
internal sealed class CountingUpstream : IAsyncDisposable
{
    private const int PieceSize = 256 * 1024;

    private readonly ConcurrentDictionary<string, (byte[] Bytes, string Type)> things = new(StringComparer.Ordinal);
    private readonly WebApplication app;
    private long sent;
    private long firstByteAt;

    private CountingUpstream(WebApplication app)
    {
        this.app = app;
        app.Run(AnswerAsync);
    }

    /// <summary>Where it is.</summary>
    public Uri Url => new(app.Urls.First());

    /// <summary>The bytes of blobs and manifests that it has sent.</summary>
    public long Sent => Interlocked.Read(ref sent);

    /// <summary>When it last began to send one, by <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public long FirstByteAt => Interlocked.Read(ref firstByteAt);

    /// <summary>Starts one on a port that the system chose.</summary>
    public static async Task<CountingUpstream> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var upstream = new CountingUpstream(builder.Build());
        await upstream.app.StartAsync();
        return upstream;
    }

    /// <summary>Gives it something.</summary>
    /// <param name="path">Below <c>/v2/</c>.</param>
    /// <param name="bytes">What it is.</param>
    /// <param name="type">Its media type.</param>
    public void Put(string path, byte[] bytes, string type = "application/octet-stream") => things["/v2/" + path] = (bytes, type);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        if (!things.TryGetValue(http.Request.Path.Value ?? "", out var thing))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        (http.Response.ContentType, http.Response.ContentLength) = (thing.Type, thing.Bytes.Length);
        if (HttpMethods.IsHead(http.Request.Method)) return;
        Interlocked.Exchange(ref firstByteAt, Stopwatch.GetTimestamp());
        for (var at = 0; at < thing.Bytes.Length; at += PieceSize)
        {
            var piece = thing.Bytes.AsMemory(at, Math.Min(PieceSize, thing.Bytes.Length - at));
            await http.Response.Body.WriteAsync(piece, http.RequestAborted);
            Interlocked.Add(ref sent, piece.Length);
        }
    }
}
