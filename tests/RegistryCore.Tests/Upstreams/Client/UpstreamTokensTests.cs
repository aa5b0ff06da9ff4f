using System.Collections.Concurrent;
using System.Net;
using System.Text;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Upstreams.Client;

/// <summary>How the registry proves itself to an upstream, and to nobody else.</summary>
public sealed class UpstreamTokensTests : IAsyncLifetime
{
    private const string Secret = "robot:s3cret";

    private readonly TemporaryDirectory folder = new();
    private readonly ConcurrentQueue<string> shown = []; // Authorization headers at the upstream
    private StubUpstream upstream = null!;
    private StandIn tokens = null!;
    private UpstreamOptions options = null!;
    private RegistryHost host = null!;
    private Repository app = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        tokens = await StandIn.StartAsync();
        options = upstream.Options();
        host = await RegistryHost.StartAsync(o => o.Upstreams = [options]);
        app = new Repository(host, "hub/acme/app");
        upstream.Image("acme/app", "1");
        upstream.Image("acme/app", "2");
        RequireBearer($"{tokens.Url}token");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
        await tokens.DisposeAsync();
        folder.Dispose();
    }

    [Theory]
    [InlineData("none")]
    [InlineData("file")]
    [InlineData("helper")]
    public async Task A_token_is_asked_for_once_and_used_until_it_expires(string credential)
    {
        await SetCredentialAsync(credential);
        var asked = new ConcurrentQueue<(string Query, string Authorization)>();
        tokens.Answer = async http =>
        {
            asked.Enqueue(($"{http.Request.QueryString}", $"{http.Request.Headers.Authorization}"));
            await http.Response.WriteAsync("""{"access_token":"good","expires_in":300}""");
        };
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.OK);
        var (query, authorization) = Assert.Single(asked);
        Assert.Equal("?service=up&scope=repository%3Aacme%2Fapp%3Apull", query);
        var basic = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}";
        Assert.Equal(credential == "none" ? "" : basic, authorization);
        Assert.Equal(["", "Bearer good", "Bearer good"], shown);

        host.Clock.Advance(TimeSpan.FromSeconds(291));
        await app.GetAsync("manifests/3");
        Assert.Equal(2, asked.Count);
    }

    [Fact]
    public async Task Many_who_need_a_token_ask_for_it_once()
    {
        var (came, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        tokens.Answer = async http =>
        {
            came.TrySetResult();
            await go.Task;
            await http.Response.WriteAsync("""{"token":"good"}""");
        };
        var answers = new[] { app.GetAsync("manifests/1"), app.GetAsync("manifests/2") };
        await came.Task;
        await Eventually.TrueAsync(() => shown.Count == 2, TimeSpan.FromSeconds(20), () => "not both have been challenged");
        go.SetResult();
        foreach (var answer in await Task.WhenAll(answers)) answer.MustBe(HttpStatusCode.OK);
        Assert.Single(tokens.Asked);
    }

    [Fact]
    public async Task A_password_is_shown_to_an_upstream_that_asks_for_one()
    {
        await SetCredentialAsync("file");
        var basic = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}";
        Require("Basic realm=\"up\"", basic);
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.OK);
        Assert.Equal(["", basic, basic], shown);
    }

    [Fact]
    public async Task A_realm_elsewhere_sees_no_credential()
    {
        await SetCredentialAsync("file");
        RequireBearer("https://login.example.com/token");
        var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Contains("login.example.com", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("realmHosts", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", answer.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_to_another_host_carries_no_token()
    {
        var blob = Content.Random();
        tokens.Answer = async http =>
        {
            if (http.Request.Path == "/token") await http.Response.WriteAsync("""{"token":"good"}""");
            else if (http.Request.Headers.Authorization.Count > 0) http.Response.StatusCode = 400; // as S3 does
            else await http.Response.Body.WriteAsync(blob.Bytes);
        };
        var challenge = upstream.Instead;
        upstream.Instead = async http =>
        {
            if (await challenge(http)) return true;
            if (!http.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal)) return false;
            http.Response.Redirect($"{tokens.Url}content?signature=x");
            return true;
        };
        Assert.Equal(blob.Bytes, (await app.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);
        Assert.Contains("Bearer good", shown);
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("//[")]
    [InlineData("https://169.254.169.254/")]
    public async Task A_redirect_to_where_an_upstream_cannot_be_is_not_followed(string location)
    {
        upstream.Instead = http =>
        {
            http.Response.Redirect(location);
            return Task.FromResult(true);
        };
        var answer = await app.GetAsync($"blobs/{Content.Random().Digest}");
        Assert.True(answer.Status is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable, $"{answer.Status}");
        Assert.Contains("redirect", answer.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_in_a_circle_ends()
    {
        upstream.Instead = http =>
        {
            http.Response.Redirect($"{http.Request.Path}");
            return Task.FromResult(true);
        };
        var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE");
        Assert.Contains("redirects too often", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal(6, upstream.Asked.Count);
    }

    [Theory]
    [InlineData(401, "", 403, "DENIED")]
    [InlineData(500, "", 503, "UNAVAILABLE")]
    [InlineData(429, "", 429, "TOOMANYREQUESTS")]
    [InlineData(200, "no JSON", 502, "UNAVAILABLE")]
    [InlineData(200, "{}", 502, "UNAVAILABLE")]
    [InlineData(200, "{\"token\":\"LONG\"}", 502, "UNAVAILABLE")]
    [InlineData(200, """{"token":"a\r\nX: y"}""", 502, "UNAVAILABLE")]
    public async Task Without_a_token_there_is_an_error_that_says_so(int status, string body, int expected, string code)
    {
        tokens.Answer = async http =>
        {
            http.Response.StatusCode = status;
            await http.Response.WriteAsync(body.Replace("LONG", new string('a', 20_000), StringComparison.Ordinal));
        };
        Assert.Contains(
            "token", (await app.GetAsync("manifests/1")).MustBe((HttpStatusCode)expected, code).ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_is_refused_before_its_time_is_replaced_once()
    {
        var issued = 0;
        tokens.Answer = http => http.Response.WriteAsync($$"""{"token":"{{(++issued == 1 ? "good" : $"new{issued}")}}","expires_in":300}""");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Require($"Bearer realm=\"{tokens.Url}token\",service=\"up\"", "Bearer new2");
        (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.OK);
        Assert.Equal(["", "Bearer good", "Bearer good", "Bearer new2"], shown);

        shown.Clear();
        Require($"Bearer realm=\"{tokens.Url}token\",service=\"up\"", "Bearer never");
        (await app.GetAsync("manifests/none")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Equal(["Bearer new2", "Bearer new3"], shown); // asked again once, and no more
    }

    [Fact]
    public async Task A_token_server_is_left_alone_for_as_long_as_it_says()
    {
        tokens.Answer = http =>
        {
            (http.Response.StatusCode, http.Response.Headers.RetryAfter) = (429, "60");
            return Task.CompletedTask;
        };
        foreach (var tag in new[] { "1", "2" })
        {
            var answer = (await app.GetAsync($"manifests/{tag}")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
            Assert.Equal("60", answer["Retry-After"]);
        }

        Assert.Single(tokens.Asked);
    }

    [Fact]
    public async Task A_helper_runs_once_for_several_repositories()
    {
        await SetCredentialAsync("helper");
        upstream.Image("acme/other", "1");
        tokens.Answer = http => http.Response.WriteAsync("{\"token\":\"good\"}");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        (await new Repository(host, "hub/acme/other").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Assert.Equal("x", await File.ReadAllTextAsync(folder["runs"], TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("open to others")]
    public async Task Clients_learn_nothing_of_where_the_credential_lies(string fault)
    {
        options.CredentialFile = folder["nowhere"];
        if (fault == "open to others")
        {
            OwnerOnlyFile.Write(folder["nowhere"], Secret);
            File.SetUnixFileMode(folder["nowhere"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        }

        await host.RestartAsync();
        var answer = (await new Repository(host, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Contains("no usable credential", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("nowhere", answer.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_not_trusted_ends_it()
    {
        using var authority = new CertificateAuthority();
        using var certificate = authority.IssueServer();
        CertificateAuthority.Write(certificate, folder["tls.pem"], folder["tls.key"]);
        await using var real = await RegistryHost.StartAsync(
            o => (o.Tls.CertificateFile, o.Tls.KeyFile) = (folder["tls.pem"], folder["tls.key"]));
        options.Url = real.Client.BaseAddress;
        await host.RestartAsync();
        var answer = (await new Repository(host, "hub/acme/app").GetAsync("manifests/1"))
            .MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Contains("certificate", answer.ErrorMessage, StringComparison.Ordinal);

        await File.WriteAllTextAsync(folder["ca.pem"], authority.Pem, TestContext.Current.CancellationToken);
        options.CaFile = folder["ca.pem"];
        await host.RestartAsync();
        answer = (await new Repository(host, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Contains("its token server", answer.ErrorMessage, StringComparison.Ordinal); // it was challenged, and there is none
    }

    private void RequireBearer(string realm) => Require($"Bearer realm=\"{realm}\",service=\"up\"", "Bearer good");

    private void Require(string challenge, string good) => upstream.Instead = http =>
    {
        var sent = $"{http.Request.Headers.Authorization}";
        shown.Enqueue(sent);
        if (sent == good) return Task.FromResult(false);
        http.Response.StatusCode = 401;
        http.Response.Headers.WWWAuthenticate = challenge;
        return Task.FromResult(true);
    };

    private async Task SetCredentialAsync(string kind)
    {
        if (kind == "file")
        {
            OwnerOnlyFile.Write(folder["credential"], Secret + "\n");
            options.CredentialFile = folder["credential"];
        }
        else if (kind == "helper")
        {
            await File.WriteAllTextAsync(folder["helper"], $$"""
                printf x >> {{folder["runs"]}}
                read -r server
                [ "$server $1" = "{{upstream.Url.GetLeftPart(UriPartial.Authority)}} get" ] && echo '{"Username":"robot","Secret":"s3cret"}'
                """);
            options.CredentialHelper = ["sh", folder["helper"]];
        }

        await host.RestartAsync();
        app = new Repository(host, "hub/acme/app");
    }
}
