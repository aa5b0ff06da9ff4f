using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>What a browser does: keeps cookies, follows nothing by itself, and sends the token of the last page's forms.</summary>
internal sealed partial class Browser : IDisposable
{
    public const string SessionCookie = "authindex";

    private readonly HttpClient client;
    private readonly HttpClient reader;

    public Browser(TokenServerHost host, string? forwardedFor = null)
    {
        client = new HttpClient(NewHandler()) { BaseAddress = host.Address };
        reader = new HttpClient(NewHandler(ConnectNarrowAsync)) { BaseAddress = host.Address };
        if (forwardedFor is not null) client.DefaultRequestHeaders.Add("X-Forwarded-For", forwardedFor);
    }

    /// <summary>The cookies by name.</summary>
    public Dictionary<string, string> Cookies { get; } = new(StringComparer.Ordinal);

    /// <summary>The token of the last page's forms.</summary>
    public string FormToken { get; private set; } = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Opens the form to sign in.</summary>
    public async Task OpenSignInAsync()
    {
        using var page = await SendAsync("GET", "/sign-in");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    /// <summary>Signs in, and opens the first page.</summary>
    public async Task SignInAsync(string account = "alice", string password = TokenServerHost.AlicePassword)
    {
        await OpenSignInAsync();
        using var answer = await SubmitAsync("/sign-in", ("account", account), ("password", password));
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        using var page = await SendAsync("GET", "/");
        Assert.Contains("Sign out", await page.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    /// <summary>Sends a form with its token.</summary>
    public Task<HttpResponseMessage> SubmitAsync(string path, params (string Name, string Value)[] fields) => SendAsync(
        "POST", path,
        new FormUrlEncodedContent([new("form-token", FormToken), .. fields.Select(f => KeyValuePair.Create(f.Name, f.Value))]));

    /// <summary>Sends a request; a form with the given token where the method is POST.</summary>
    public Task<HttpResponseMessage> SendAsync(string method, string path, string? formToken = null, string? fetchSite = null) => SendAsync(
        method, path,
        method != "POST" ? null : new FormUrlEncodedContent(
            formToken is null ? [] : [KeyValuePair.Create("form-token", formToken)]),
        fetchSite);

    /// <summary>Sends a request with a body.</summary>
    public async Task<HttpResponseMessage> SendAsync(string method, string path, HttpContent? content, string? fetchSite = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = content };
        request.Headers.ExpectContinue = content is not null; // a body that is refused is not sent
        if (Cookies.Count > 0) request.Headers.Add("Cookie", string.Join("; ", Cookies.Select(c => $"{c.Key}={c.Value}")));
        if (fetchSite is not null) request.Headers.Add("Sec-Fetch-Site", fetchSite);
        var answer = await client.SendAsync(request, Cancel);
        if (answer.Headers.TryGetValues("Set-Cookie", out var cookies))
        {
            foreach (var cookie in cookies.Select(c => Cookie().Match(c)))
            {
                if (cookie.Groups["value"].Value.Length == 0) Cookies.Remove(cookie.Groups["name"].Value);
                else Cookies[cookie.Groups["name"].Value] = cookie.Groups["value"].Value;
            }
        }

        if (Token().Match(await answer.Content.ReadAsStringAsync(Cancel)) is { Success: true } token) FormToken = token.Groups["token"].Value;
        return answer;
    }

    /// <summary>Begins to get something; its content is not read yet, and the connection holds little of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Cookie", string.Join("; ", Cookies.Select(c => $"{c.Key}={c.Value}")));
        return await reader.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
    }

    /// <summary>The text of a page.</summary>
    public async Task<string> PageAsync(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var answer = await SendAsync("GET", path);
        Assert.Equal(status, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Cancel);
    }

    /// <summary>The reference to the page that follows; null on the last.</summary>
    public static string? NextLink(string page) =>
        Next().Match(page) is { Success: true } link ? WebUtility.HtmlDecode(link.Groups["link"].Value) : null;

    public void Dispose()
    {
        client.Dispose();
        reader.Dispose();
    }

    private static SocketsHttpHandler NewHandler(
        Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect = null) =>
        new() { AllowAutoRedirect = false, UseCookies = false, ConnectCallback = connect };

    private static async ValueTask<Stream> ConnectNarrowAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }

    [GeneratedRegex("href=\"(?<link>[^\"]*)\" rel=\"next\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Next();

    [GeneratedRegex("^(?<name>[^=]+)=(?<value>[^;]*)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Cookie();

    [GeneratedRegex("name=\"form-token\" value=\"(?<token>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Token();
}
