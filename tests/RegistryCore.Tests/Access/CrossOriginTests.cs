using System.Net;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>Pages of other sites that call the registry from a browser (WHATWG Fetch, "CORS protocol").</summary>
public sealed class CrossOriginTests
{
    private const string Ui = "https://ui.example.com";

    [Fact]
    public async Task A_configured_site_may_ask_and_read_what_clients_need_and_no_other_site_may()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Cors.Origins = [Ui, "http://127.0.0.1:8080"]);
        var preflight = await SendAsync(host, "OPTIONS", "/v2/some/repo/manifests/v1", Ui, "DELETE", "authorization,if-match");
        Assert.Equal(HttpStatusCode.NoContent, preflight.Status);
        Assert.Equal(Ui, preflight["Access-Control-Allow-Origin"]);
        Assert.Contains("DELETE", preflight["Access-Control-Allow-Methods"], StringComparison.Ordinal);
        Assert.Contains("Authorization", preflight["Access-Control-Allow-Headers"], StringComparison.OrdinalIgnoreCase);
        Assert.Contains("If-Match", preflight["Access-Control-Allow-Headers"], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("", preflight["Access-Control-Allow-Credentials"]);

        var answer = await SendAsync(host, "GET", "/v2/", Ui); // a challenge, which the page must be able to read
        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal(Ui, answer["Access-Control-Allow-Origin"]);
        Assert.Contains("WWW-Authenticate", answer["Access-Control-Expose-Headers"], StringComparison.Ordinal);
        Assert.Contains("Docker-Content-Digest", answer["Access-Control-Expose-Headers"], StringComparison.Ordinal);
        Assert.Equal("", answer["Access-Control-Allow-Credentials"]);
        Assert.Contains("Origin", answer["Vary"], StringComparison.Ordinal);

        foreach (var other in (string[])["https://evil.example", "null", "https://ui.example.com.evil.example", "http://ui.example.com"])
        {
            Assert.Equal("", (await SendAsync(host, "GET", "/v2/", other))["Access-Control-Allow-Origin"]);
            Assert.Equal("", (await SendAsync(host, "OPTIONS", "/v2/", other, "GET"))["Access-Control-Allow-Origin"]);
        }

        Assert.Equal("", (await SendAsync(host, "GET", "/metrics", Ui))["Access-Control-Allow-Origin"]);
    }

    [Fact]
    public async Task By_default_no_site_may()
    {
        await using var host = await RegistryHost.StartAsync();
        Assert.Equal("", (await SendAsync(host, "GET", "/v2/", Ui))["Access-Control-Allow-Origin"]);
        var preflight = await SendAsync(host, "OPTIONS", "/v2/", Ui, "GET");
        Assert.Equal((HttpStatusCode.MethodNotAllowed, ""), (preflight.Status, preflight["Access-Control-Allow-Origin"]));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("null")]
    [InlineData("ui.example.com")]
    [InlineData("https://ui.example.com/")]
    [InlineData("https://UI.example.com")]
    [InlineData("https://ui.example.com:443")]
    [InlineData("https://*.example.com")]
    [InlineData("https://user@ui.example.com")]
    [InlineData("ftp://ui.example.com")]
    public void What_is_not_an_origin_stops_the_start(string origin)
    {
        var problem = Assert.Throws<OperatorException>(new CrossOriginOptions { Origins = [Ui, origin] }.Check);
        Assert.Contains($"'{origin}' is not an origin", problem.Message, StringComparison.Ordinal);
    }

    private static async Task<Answer> SendAsync(
        RegistryHost host, string method, string path, string origin, string? asked = null, string? headers = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Add("Origin", origin);
        if (asked is not null) request.Headers.Add("Access-Control-Request-Method", asked);
        if (headers is not null) request.Headers.Add("Access-Control-Request-Headers", headers);
        using var response = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }
}
