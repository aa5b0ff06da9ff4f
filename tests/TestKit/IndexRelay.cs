using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TestKit;

/// <summary>
/// The line between a registry and its index, with an address that stays while the index moves, and with the faults that a test wants.
/// </summary>
public sealed class IndexRelay : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HttpClient client = new();
    private int requests;
    private Uri? index;
    private CancellationTokenSource cut = new();

    private IndexRelay(WebApplication app) => this.app = app;

    /// <summary>Where the registry finds the index.</summary>
    public Uri Address => new(app.Urls.First());

    /// <summary>Where the index is now; null while it is out of reach, for requests under way too.</summary>
    public Uri? Target
    {
        get => index;
        set
        {
            index = value;
            if (value is null) Interlocked.Exchange(ref cut, new CancellationTokenSource()).Cancel();
        }
    }

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
        var lost = cut.Token;
        if (Target is not { } target)
        {
            http.Abort();
            return;
        }

        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(lost, http.RequestAborted);
        try
        {
            await PassAsync(http, target, body.ToArray(), ended.Token);
        }
        catch (OperationCanceledException)
        {
            http.Abort();
        }
    }

    private async Task PassAsync(HttpContext http, Uri target, byte[] body, CancellationToken cancellationToken)
    {
        if (Repeats) (await SendAsync(http.Request, target, body, cancellationToken)).Dispose();
        using var answer = await SendAsync(http.Request, target, body, cancellationToken);
        if (LosesAnswers)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = (int)answer.StatusCode;
        await answer.Content.CopyToAsync(http.Response.Body, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequest request, Uri target, byte[] body, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(target, $"{request.Path}{request.QueryString}"));
        if (request.ContentType is { } type)
        {
            message.Content = new ByteArrayContent(body) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };
        }

        if (request.Headers.Authorization is [{ } credentials])
        {
            message.Headers.Authorization = AuthenticationHeaderValue.Parse(credentials);
        }

        try
        {
            return await client.SendAsync(message, cancellationToken);
        }
        catch (HttpRequestException)
        {
            return new HttpResponseMessage(System.Net.HttpStatusCode.BadGateway); // the index was stopped meanwhile
        }
    }
}
