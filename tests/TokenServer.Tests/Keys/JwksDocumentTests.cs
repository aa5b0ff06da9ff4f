using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class JwksDocumentTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_document_holds_each_key_with_exactly_the_members_that_verifiers_need()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/.well-known/jwks.json");
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("public, max-age=60", answer.Headers.CacheControl!.ToString());
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(["keys"], body.RootElement.EnumerateObject().Select(m => m.Name));
        var key = Assert.Single(body.RootElement.GetProperty("keys").EnumerateArray());
        Assert.Equal(["kty", "crv", "x", "y", "use", "alg", "kid"], key.EnumerateObject().Select(m => m.Name));
        Assert.Equal(
            "EC P-256 sig ES256", string.Join(' ', new[] { "kty", "crv", "use", "alg" }.Select(m => key.GetProperty(m).GetString())));
    }

    [Fact]
    public async Task Whoever_has_the_document_is_told_so_and_HEAD_has_no_body()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var first = await host.GetAsync("/.well-known/jwks.json");
        foreach (var known in new[] { first.Headers.ETag!.ToString(), "W/" + first.Headers.ETag, "\"other\", " + first.Headers.ETag, "*" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks.json");
            request.Headers.TryAddWithoutValidation("If-None-Match", known);
            using var again = await host.Client.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
            Assert.Equal(first.Headers.ETag, again.Headers.ETag);
        }

        using var other = new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks.json");
        other.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"other\""));
        using var changed = await host.Client.SendAsync(other, Cancel);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);

        using var head = new HttpRequestMessage(HttpMethod.Head, "/.well-known/jwks.json");
        using var headers = await host.Client.SendAsync(head, Cancel);
        Assert.Equal(HttpStatusCode.OK, headers.StatusCode);
        Assert.Equal(first.Content.Headers.ContentLength, headers.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Another_set_of_keys_has_another_tag()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var before = await host.GetAsync("/.well-known/jwks.json");
        KeyDirectory.Create(host.Options.KeysPath, host.Clock, "RS256");
        HttpResponseMessage after = before;
        await Eventually.TrueAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks.json");
                request.Headers.IfNoneMatch.Add(before.Headers.ETag!);
                after = await host.Client.SendAsync(request, Cancel);
                return after.StatusCode == HttpStatusCode.OK;
            },
            TimeSpan.FromSeconds(30),
            () => "the new key was never published");
        using var body = JsonDocument.Parse(await after.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(
            ["ES256", "RS256"],
            body.RootElement.GetProperty("keys").EnumerateArray().Select(k => k.GetProperty("alg").GetString())
            .Order(StringComparer.Ordinal));
        var rsa = body.RootElement.GetProperty("keys").EnumerateArray().Single(k => k.GetProperty("kty").GetString() == "RSA");
        Assert.Equal(["kty", "n", "e", "use", "alg", "kid"], rsa.EnumerateObject().Select(m => m.Name));
        Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
    }

    /// <summary>The key and thumbprint printed in RFC 7638 section 3.1.</summary>
    [Fact]
    public void A_key_is_named_as_RFC_7638_names_its_example()
    {
        const string modulus =
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        Assert.Equal(
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", KeyId.OfRsa(System.Buffers.Text.Base64Url.DecodeFromChars(modulus), [1, 0, 1]));
    }
}
