using System.Net;
using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Metadata;

public sealed class MetadataEndpointTests
{
    private const string Path = "/.well-known/oauth-authorization-server";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("https://index.example.com", "https://index.example.com")]
    [InlineData("https://example.com:8443/index/", "https://example.com:8443/index")]
    public async Task The_metadata_name_every_endpoint_under_the_public_URL(string publicUrl, string begin)
    {
        await using var host = await TokenServerHost.StartAsync(o => o.PublicUrl = new Uri(publicUrl));
        using var answer = await host.GetAsync(Path);
        Assert.Equal(
            ("application/json", "public, max-age=300"),
            (answer.Content.Headers.ContentType!.ToString(), answer.Headers.CacheControl!.ToString()));
        Assert.Equal(
            $$"""{"issuer":"authindex","token_endpoint":"{{begin}}/token","jwks_uri":"{{begin}}/.well-known/jwks.json","revocation_endpoint":"{{begin}}/revoke","introspection_endpoint":"{{begin}}/introspect","response_types_supported":[],"grant_types_supported":["password","refresh_token"],"token_endpoint_auth_methods_supported":["none"]}""",
            await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task Without_a_public_URL_they_begin_as_the_request_did_and_are_kept_by_nobody()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync(Path);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(new Uri(host.Address, "/token").AbsoluteUri, body.RootElement.GetProperty("token_endpoint").GetString());
        using var keys = await host.Client.GetAsync(new Uri(body.RootElement.GetProperty("jwks_uri").GetString()!), Cancel);
        Assert.Equal(HttpStatusCode.OK, keys.StatusCode);
    }

    [Fact]
    public async Task Another_method_is_told_which_are_allowed()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.Client.PostAsync(Path, null, Cancel);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "GET, HEAD"), (answer.StatusCode, string.Join(", ", answer.Content.Headers.Allow)));
    }
}
