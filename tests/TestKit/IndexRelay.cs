using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TestKit;

/// <summary>The line between a registry and its index, with an address that stays while the index moves, and with the faults that a test wants.</summary>
public sealed class IndexRelay : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HttpClient client = new();
    private int requests;

    private IndexRelay(WebApplication app) => this.app = app;

    /// <summary>Where the registry finds the index.</summary>
    public Uri Address => new(app.Urls.First());

    /// <summary>Where the index is now; null while it is out of reach.</summary>
    public Uri? Target { get; set; }

    /// <summary>Whether requests arrive but their answers do not.</summary>
    public bool LosesAnswers { get; set; }

    /// <summary>Whether every request arrives twice.</summary>
    public bool Repeats { get; set; }

    /// <summary>How many requests have come.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Starts a line.</summary>
    public static async Task<IndexRelay> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var relay = new IndexRelay(builder.Build());
        relay.app.Run(relay.HandleAsync);
        await relay.app.StartAsync();
        return relay;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        client.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        Interlocked.Increment(ref requests);
        if (Target is not { } target)
        {
            http.Abort();
            return;
        }

        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        if (Repeats) (await SendAsync(http.Request, target, body.ToArray())).Dispose();
        using var answer = await SendAsync(http.Request, target, body.ToArray());
        if (LosesAnswers)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = (int)answer.StatusCode;
        await answer.Content.CopyToAsync(http.Response.Body);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequest request, Uri target, byte[] body)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(target, request.Path)) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(request.ContentType!);
        message.Headers.Authorization = AuthenticationHeaderValue.Parse(request.Headers.Authorization!);
        try
        {
            return await client.SendAsync(message);
        }
        catch (HttpRequestException)
        {
            return new HttpResponseMessage(System.Net.HttpStatusCode.BadGateway); // the index was stopped meanwhile
        }
    }
}
