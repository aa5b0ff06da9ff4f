using System.Net;
using System.Net.Http.Headers;
using System.Text;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Portal;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>Errors are pages for browsers, and JSON for everybody else.</summary>
public sealed class ErrorPagesTests
{
    private const string Html = "text/html", Json = "application/json";

    [Theory]
    [InlineData("GET", "/nothing", "text/html,application/xhtml+xml", 404, Html)]
    [InlineData("GET", "/nothing", "*/*", 404, Json)]
    [InlineData("GET", "/nothing", null, 404, Json)]
    [InlineData("PUT", "/", "text/html", 405, Html)]
    [InlineData("PUT", "/", "*/*", 405, Json)]
    [InlineData("GET", "/revoke", "text/html", 405, Json)]
    [InlineData("GET", "/token?scope=x", "text/html", 400, Json)]
    [InlineData("GET", "/index/v1/repositories/none", "text/html", 404, Json)]
    [InlineData("GET", "/repositories/none", "*/*", 404, Html)]
    public async Task An_error_has_the_form_of_whoever_reads_it(string method, string path, string? accept, int status, string form)
    {
        await using var host = await TokenServerHost.StartAsync();
        await AssertAsync(host, method, path, accept, status, form);
    }

    [Theory]
    [InlineData("text/html", Html)]
    [InlineData("*/*", Json)]
    public async Task A_failure_is_a_page_without_details(string accept, string form)
    {
        await using var host = await TokenServerHost.StartAsync();
        var context = new DefaultHttpContext(); // has not all that a server's own has, so that the form's row fails
        (context.Request.Method, context.Request.Path, context.Request.Headers.Accept) = ("POST", "/sign-in", accept);
        using var body = new MemoryStream();
        context.Response.Body = body;
        await host.Service<TokenServerEndpoint>().HandleAsync(context);

        Assert.Equal(StatusCodes.Status500InternalServerError, context.Response.StatusCode);
        Assert.StartsWith(form, context.Response.ContentType, StringComparison.Ordinal);
        var text = Encoding.UTF8.GetString(body.ToArray());
        Assert.Contains("request id", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", text, StringComparison.Ordinal);
        Assert.Contains("failed with an exception", host.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/html", Html)]
    [InlineData("*/*", Json)]
    public async Task A_form_that_is_too_large_is_answered_in_the_same_form(string accept, string form)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var content = new ByteArrayContent(new byte[Form.MaxBytes + 1])
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/x-www-form-urlencoded") },
        };
        await AssertAsync(host, "POST", "/sign-in", accept, 413, form, content);
    }

    [Fact]
    public async Task Without_the_portal_there_are_no_pages()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.Portal.Enabled = false);
        await AssertAsync(host, "GET", "/nothing", "text/html", 404, Json);
    }

    private static async Task<string> AssertAsync(
        TokenServerHost host, string method, string path, string? accept, int status, string form, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = content };
        request.Headers.ExpectContinue = content is not null;
        if (accept is not null) request.Headers.Accept.ParseAdd(accept);
        using var answer = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode)status, answer.StatusCode);
        Assert.Equal(form, answer.Content.Headers.ContentType!.MediaType);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.Equal(status == 405, answer.Content.Headers.Allow.Count > 0);
        if (form == Html) Assert.Equal("DENY", Assert.Single(answer.Headers.GetValues("X-Frame-Options")));
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }
}
