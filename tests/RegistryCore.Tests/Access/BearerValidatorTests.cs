using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>Tokens good and bad, as a registry on the wire takes them.</summary>
public sealed class BearerValidatorTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private const string Scope = "repository:some/repo:pull";

    private static readonly Dictionary<string, Func<TokenMaker, string>> Forgeries = new(StringComparer.Ordinal)
    {
        ["alg none without a signature"] = t => TokenMaker.Sign(Header(t, h => h["alg"] = "none"), Good(t), _ => []),
        ["alg None with a signature"] = t => t.Sign(Header(t, h => h["alg"] = "None"), Good(t)),
        ["alg missing"] = t => t.Sign(Header(t, h => h.Remove("alg")), Good(t)),
        ["alg of another type"] = t => t.Sign(Header(t, h => h["alg"] = new JsonArray("ES256")), Good(t)),
        ["HS256 signed with the public key in PEM"] = t => TokenMaker.Sign(
            Header(t, h => h["alg"] = "HS256"), Good(t), i => HMACSHA256.HashData(t.PublicKeyPem, i)),
        ["HS256 signed with the public key as JWK"] = t => TokenMaker.Sign(
            Header(t, h => h["alg"] = "HS256"), Good(t), i => HMACSHA256.HashData(Encoding.UTF8.GetBytes(t.PublicJwk.ToJsonString()), i)),
        ["ES256 in the header, signed as HS256 with the public key"] = t => TokenMaker.Sign(
            Header(t), Good(t), i => HMACSHA256.HashData(t.PublicKeyPem, i)),
        ["RS256 under the name of an elliptic key"] = t => WithRsa(
            rsa => TokenMaker.Sign(
                Header(t, h => h["alg"] = "RS256"), Good(t), i => rsa.SignData(i, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))),
        ["ES384"] = t => t.Sign(Header(t, h => h["alg"] = "ES384"), Good(t)),
        ["signed by a stranger under a trusted kid"] = t => ByStranger(t, _ => { }),
        ["a stranger's jwk beside a trusted kid"] = t => ByStranger(
            t, h => h["jwk"] = JsonNode.Parse(new TokenMaker(TimeProvider.System).PublicJwk.ToJsonString())),
        ["a stranger's x5c beside a trusted kid"] = t => WithCertificate(t, "x5c"),
        ["a jku beside a trusted kid"] = t => ByStranger(t, h => h["jku"] = "http://127.0.0.1:9/jwks.json"),
        ["an x5u beside a trusted kid"] = t => ByStranger(t, h => h["x5u"] = "http://127.0.0.1:9/cert.pem"),
        ["a stranger's key under its own kid"] = t => ByStranger(t, h => h["kid"] = "stranger"),
        ["kid missing"] = t => t.Sign(Header(t, h => h.Remove("kid")), Good(t)),
        ["kid null"] = t => t.Sign(Header(t, h => h["kid"] = null), Good(t)),
        ["kid a number"] = t => t.Sign(Header(t, h => h["kid"] = 7), Good(t)),
        ["kid a path"] = t => t.Sign(Header(t, h => h["kid"] = "../../trusted-keys.json"), Good(t)),
        ["kid half a surrogate pair"] = t => t.Sign("""{"alg":"ES256","kid":"\ud800"}""", Good(t)),
        ["alg half a surrogate pair"] = t => t.Sign($$"""{"alg":"\ud800","kid":"{{t.KeyId}}"}""", Good(t)),
        ["an extension that must be understood"] = t => t.Sign(Header(t, h => h["crit"] = new JsonArray("b64")), Good(t)),
        ["compressed"] = t => t.Sign(Header(t, h => h["zip"] = "DEF"), Good(t)),
        ["header twice alg"] = t => t.Sign($$"""{"alg":"none","alg":"ES256","kid":"{{t.KeyId}}"}""", Good(t)),
        ["header twice kid"] = t => t.Sign($$"""{"alg":"ES256","kid":"x","kid":"{{t.KeyId}}"}""", Good(t)),
        ["header an array"] = t => t.Sign("[]", Good(t)),
        ["header no JSON"] = t => t.Sign("ES256", Good(t)),
        ["header empty"] = t => t.Sign("", Good(t)),
        ["header nested deep"] = t => t.Sign(
            $$"""{"alg":"ES256","kid":"{{t.KeyId}}","x":{{new string('[', 5000)}}{{new string(']', 5000)}}}""", Good(t)),
        ["claims no JSON"] = t => t.Sign(Header(t), "claims"),
        ["claims empty"] = t => t.Sign(Header(t), ""),
        ["claims an array"] = t => t.Sign(Header(t), "[]"),
        ["claims null"] = t => t.Sign(Header(t), "null"),
        ["claims nested deep"] = t => t.Sign(Header(t), Good(t)[..^1] + $",\"x\":{new string('[', 5000)}{new string(']', 5000)}}}"),
        ["claims twice sub"] = t => t.Sign(Header(t), Good(t)[..^1] + ",\"sub\":\"root\"}"),
        ["claims twice access"] = t => t.Sign(
            Header(t), Good(t)[..^1] + ",\"access\":[{\"type\":\"repository\",\"name\":\"some/repo\",\"actions\":[\"*\"]}]}"),
        ["access twice actions"] = t => t.Sign(
            Header(t), Claims(t, c => c["access"] = null)
            .Replace(
                "\"access\":null", "\"access\":[{\"type\":\"repository\",\"name\":\"some/repo\",\"actions\":[],\"actions\":[\"pull\"]}]",
                StringComparison.Ordinal)),
        ["access a text"] = t => t.Sign(Header(t), Claims(t, c => c["access"] = "repository:some/repo:pull")),
        ["access missing"] = t => t.Sign(Header(t), Claims(t, c => c.Remove("access"))),
        ["sub missing"] = t => t.Sign(Header(t), Claims(t, c => c.Remove("sub"))),
        ["sub a number"] = t => t.Sign(Header(t), Claims(t, c => c["sub"] = 7)),
        ["sub half a surrogate pair"] = t => t.Sign(
            Header(t), Claims(t, c => c["sub"] = "SUB").Replace("\"SUB\"", "\"\\ud800\"", StringComparison.Ordinal)),
        ["another issuer"] = t => t.Sign(Header(t), Claims(t, c => c["iss"] = "evil")),
        ["issuer in another case"] = t => t.Sign(Header(t), Claims(t, c => c["iss"] = "AuthIndex")),
        ["issuer missing"] = t => t.Sign(Header(t), Claims(t, c => c.Remove("iss"))),
        ["issuer a list"] = t => t.Sign(Header(t), Claims(t, c => c["iss"] = new JsonArray("authindex"))),
        ["for another service"] = t => t.Sign(Header(t), Claims(t, c => c["aud"] = "other")),
        ["for other services"] = t => t.Sign(Header(t), Claims(t, c => c["aud"] = new JsonArray("other", "registry2"))),
        ["audience missing"] = t => t.Sign(Header(t), Claims(t, c => c.Remove("aud"))),
        ["audience empty"] = t => t.Sign(Header(t), Claims(t, c => c["aud"] = "")),
        ["audience null"] = t => t.Sign(Header(t), Claims(t, c => c["aud"] = null)),
        ["exp missing"] = t => t.Sign(Header(t), Claims(t, c => c.Remove("exp"))),
        ["exp a text"] = t => t.Sign(Header(t), Claims(t, c => c["exp"] = "9999999999")),
        ["exp negative"] = t => t.Sign(Header(t), Claims(t, c => c["exp"] = -1)),
        ["exp beyond every calendar"] = t => t.Sign(Header(t), Claims(t, c => c["exp"] = long.MaxValue)),
        ["exp beyond every number"] = t => t.Sign(
            Header(t), Claims(t, c => c["exp"] = 7777).Replace("7777", "1e999", StringComparison.Ordinal)),
        ["exp null"] = t => t.Sign(Header(t), Claims(t, c => c["exp"] = null)),
        ["nbf a text"] = t => t.Sign(Header(t), Claims(t, c => c["nbf"] = "0")),
        ["nbf beyond every calendar"] = t => t.Sign(Header(t), Claims(t, c => c["nbf"] = long.MaxValue)),
        ["the signature of another token"] = t => string.Join(
            '.', [.. t.Make("mallory", Scope).Split('.')[..2], t.Make("alice", Scope).Split('.')[2]]),
        ["signature cut off"] = t => string.Join('.', t.Make("alice", Scope).Split('.')[..2]) + ".",
        ["signature shortened"] = t => t.Make("alice", Scope)[..^4],
        ["signature in DER form"] = t => WithEllipticKey(
            key => TokenMaker.Sign(
                Header(t), Good(t), i => key.SignData(i, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))),
        ["signature of zeros"] = t => TokenMaker.Sign(Header(t), Good(t), _ => new byte[64]),
        ["signature no base64url"] = t => string.Join('.', t.Make("alice", Scope).Split('.')[..2]) + ".!!!!",
        ["two parts"] = t => string.Join('.', t.Make("alice", Scope).Split('.')[..2]),
        ["four parts"] = t => t.Make("alice", Scope) + ".x",
        ["five parts"] = t => t.Make("alice", Scope) + ".x.y",
        ["an encrypted token"] =
            _ =>
                "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ",
        ["thousands of dots"] = _ => new string('.', 20_000),
        ["only dots"] = _ => "..",
        ["one letter"] = _ => "x",
        ["longer than a token may be"] = t => t.Sign(Header(t, h => h["x"] = new string('x', 60_000)), Good(t)),
    };

    public static TheoryData<string> Forged() => [.. Forgeries.Keys];

    [Theory]
    [MemberData(nameof(Forged))]
    public async Task A_forged_or_malformed_token_is_told_to_be_invalid(string forgery)
    {
        var answer = await GetAsync(Forgeries[forgery](registry.Host.Tokens));
        answer.MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.Contains("error=\"invalid_token\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.Contains("scope=\"repository:some/repo:pull\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.Contains($"error_description=\"{answer.ErrorMessage}\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Reasons() => new()
    {
        { "for another service", "the token is for another service" },
        { "another issuer", "the token is from another issuer" },
        { "signature of zeros", "the token's signature is wrong" },
        { "a stranger's key under its own kid", "the token is signed by a key that is not trusted" },
        { "five parts", "the token is not a signed JWT of three parts" },
    };

    [Theory]
    [MemberData(nameof(Reasons))]
    public async Task The_reason_says_what_is_wrong_with_the_token(string forgery, string reason) =>
        Assert.Equal(reason, (await GetAsync(Forgeries[forgery](registry.Host.Tokens))).ErrorMessage);

    [Fact]
    public async Task A_good_token_is_taken() =>
        (await GetAsync(registry.Host.Tokens.Make("alice", Scope))).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");

    public static TheoryData<string> AcceptedForms() =>
        ["audience in a list", "nbf missing", "no typ", "unknown claims", "anonymous", "an x5c of anybody beside a good signature"];

    [Theory]
    [MemberData(nameof(AcceptedForms))]
    public async Task Tokens_of_other_issuers_forms_are_taken(string form)
    {
        var tokens = registry.Host.Tokens;
        var token = form switch
        {
            "audience in a list" => tokens.Sign(Header(tokens), Claims(tokens, c => c["aud"] = new JsonArray("other", "registry"))),
            "nbf missing" => tokens.Sign(Header(tokens), Claims(tokens, c => c.Remove("nbf"))),
            "no typ" => tokens.Sign(Header(tokens, h => h.Remove("typ")), Good(tokens)),
            "unknown claims" =>
                tokens.Sign(Header(tokens, h => h["x"] = "y"), Claims(tokens, c => c["groups"] = new JsonArray("a", 1, null))),
            "anonymous" => tokens.Make("", Scope),
            _ => tokens.Sign(Header(tokens, h => h["x5c"] = new JsonArray("AAAA")), Good(tokens)),
        };
        (await GetAsync(token)).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
    }

    [Fact]
    public async Task A_token_of_64_KiB_is_taken()
    {
        var tokens = registry.Host.Tokens;
        var token = tokens.Sign(Header(tokens), Claims(tokens, c => c["padding"] = new string('x', 48_000)));
        Assert.InRange(token.Length, 64_000, 64 * 1024);
        (await GetAsync(token)).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
    }

    [Fact]
    public async Task A_megabyte_of_header_is_refused_without_being_read()
    {
        using var connection = await RawConnection.OpenAsync(registry.Host.Client);
        await connection.WriteAsync(
            $"GET /v2/ HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nAuthorization: Bearer {new string('a', 100_000)}");
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, (await connection.ReadAnswerAsync()).Status);
    }

    [Fact]
    public async Task Two_authorization_headers_are_refused_even_when_each_is_good()
    {
        var token = registry.Host.Tokens.Make("alice", Scope);
        var answer = await RawConnection.SendAsync(
            registry.Host.Client, "GET /v2/some/repo/manifests/v1", $"Authorization: Bearer {token}", $"Authorization: Bearer {token}");
        answer.MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");
    }

    [Theory]
    [InlineData("Basic YWxpY2U6c2VjcmV0")]
    [InlineData("Bearer")]
    [InlineData("Digest username=\"alice\"")]
    [InlineData("")]
    public async Task Credentials_of_another_kind_are_as_good_as_none(string header)
    {
        var answer = await RawConnection.SendAsync(registry.Host.Client, "GET /v2/", $"Authorization: {header}");
        answer.MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.DoesNotContain("error=", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bearer")]
    [InlineData("BEARER")]
    public async Task The_scheme_is_read_in_any_case(string scheme)
    {
        var answer = await RawConnection.SendAsync(
            registry.Host.Client, "GET /v2/", $"Authorization: {scheme} {registry.Host.Tokens.Make("alice")}");
        answer.MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_token_ends_at_its_time_and_the_leeway_also_when_it_is_remembered()
    {
        await using var host = await RegistryHost.StartAsync();
        var repository = new Repository(host, "some/repo"); // its token is good for 300 seconds
        (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound);
        host.Clock.Advance(TimeSpan.FromSeconds(328));
        (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound);
        host.Clock.Advance(TimeSpan.FromSeconds(2));
        var answer = (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.Equal("the token has expired", answer.ErrorMessage);
        Assert.Contains("error=\"invalid_token\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_began_with_a_good_token_finishes_after_the_token_has_ended()
    {
        await using var host = await RegistryHost.StartAsync();
        var repository = new Repository(host, "some/repo");
        var session = await repository.StartUploadAsync();
        using var connection = await repository.BeginPatchAsync(session, length: 10);
        await connection.WriteAsync("hello");
        host.Clock.Advance(TimeSpan.FromHours(1));
        await connection.WriteAsync("world");
        Assert.Equal(HttpStatusCode.Accepted, (await connection.ReadAnswerAsync()).Status);
    }

    [Fact]
    public async Task The_memory_for_remembered_tokens_is_bounded_whatever_their_size()
    {
        const long MaxBytes = 100 * 1024;
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await File.WriteAllTextAsync(folder["keys.json"], tokens.Jwks, TestContext.Current.CancellationToken);
        var options = new RegistryOptions { DataDirectory = folder.Root, TokenServer = { KeysFile = folder["keys.json"] } };
        using var http = new HttpClient();
        using var keys = new TrustedKeys(
            options.Identity, options.TokenServer, http, Loops.Of(TimeProvider.System), NullLogger<TrustedKeys>.Instance);
        var revoked = new RevokedTokens(TimeProvider.System);
        using var introspection = new Introspection(
            new IndexConnection(options.Identity, options.TokenServer, http), options.TokenServer, TimeProvider.System,
            NullLogger<Introspection>.Instance);
        using var validator = new BearerValidator(
            options.Identity, options.TokenServer, keys, revoked,
            new RevocationFeedHealth(options.Revocations, revoked, TimeProvider.System), introspection, TimeProvider.System,
            maxRememberedBytes: MaxBytes);
        foreach (var scopes in Enumerable.Range(0, 50).Select(i => i % 2 == 0 ? 1 : 200))
        {
            var token = tokens.Make("alice", [.. Enumerable.Repeat(Scope, scopes)]);
            for (var use = 0; use < 2; use++)
            {
                Assert.IsType<TokenOutcome.Valid>(await validator.ValidateAsync(token, TestContext.Current.CancellationToken));
            }
        }

        Assert.InRange(validator.RememberedBytes, 1, MaxBytes);

        // A token that alone takes more is judged all the same.
        Assert.IsType<TokenOutcome.Valid>(
            await validator.ValidateAsync(tokens.Make("alice", [.. Enumerable.Repeat(Scope, 500)]), TestContext.Current.CancellationToken));
        Assert.InRange(validator.RememberedBytes, 1, MaxBytes);
    }

    [Fact]
    public async Task A_token_begins_at_its_time_less_the_leeway()
    {
        await using var host = await RegistryHost.StartAsync();
        var start = host.Clock.GetUtcNow().ToUnixTimeSeconds();
        using var client = host.With(host.Tokens.Sign(Header(host.Tokens), Claims(host.Tokens, c =>
        {
            c["nbf"] = start + 100;
            c["exp"] = start + 1000;
        })));
        using (var early = await client.GetAsync("/v2/", TestContext.Current.CancellationToken))
        {
            Assert.Equal(
                "the token is not valid yet",
                (await Answer.ReadAsync(early)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED").ErrorMessage);
        }

        host.Clock.Advance(TimeSpan.FromSeconds(68));
        using (var still = await client.GetAsync("/v2/", TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, still.StatusCode);
        }

        host.Clock.Advance(TimeSpan.FromSeconds(2));
        using var now = await client.GetAsync("/v2/", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, now.StatusCode);
    }

    [Theory]
    [InlineData(0.4, HttpStatusCode.OK)]
    [InlineData(-0.6, HttpStatusCode.Unauthorized)]
    public async Task A_time_may_have_a_fraction(double seconds, HttpStatusCode status)
    {
        await using var host = await RegistryHost.StartAsync(o => o.TokenServer.Leeway = TimeSpan.Zero);
        var now = host.Clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        using var client = host.With(
            host.Tokens.Sign(
                Header(host.Tokens), Claims(host.Tokens, c => (c["iat"], c["nbf"], c["exp"]) = (now - 0.5, now - 0.5, now + seconds))));
        using var answer = await client.GetAsync("/v2/", TestContext.Current.CancellationToken);
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task Without_leeway_a_token_ends_at_its_second()
    {
        await using var host = await RegistryHost.StartAsync(o => o.TokenServer.Leeway = TimeSpan.Zero);
        var token = host.Tokens.Sign(Header(host.Tokens), Claims(host.Tokens, c => c["exp"] = host.Clock.GetUtcNow().ToUnixTimeSeconds()));
        using var client = host.With(token);
        using var answer = await client.GetAsync("/v2/", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task An_RSA_key_signs_RS256_and_nothing_else()
    {
        using var rsa = RSA.Create(2048);
        using var folder = new TemporaryDirectory();
        var parameters = rsa.ExportParameters(false);
        var jwk =
            new JsonObject { ["kty"] = "RSA", ["kid"] = "r", ["n"] = Base64Url.EncodeToString(parameters.Modulus),
                ["e"] = Base64Url.EncodeToString(parameters.Exponent) };
        await File.WriteAllTextAsync(
            folder["keys.json"], new JsonObject { ["keys"] = new JsonArray(jwk) }.ToJsonString(), TestContext.Current.CancellationToken);
        await using var host = await RegistryHost.StartAsync(o => o.TokenServer.KeysFile = folder["keys.json"]);

        foreach (var (algorithm, padding, expected) in ((string, RSASignaturePadding, HttpStatusCode)[])
        [
            ("RS256", RSASignaturePadding.Pkcs1, HttpStatusCode.OK),
            ("RS256", RSASignaturePadding.Pss, HttpStatusCode.Unauthorized),
            ("PS256", RSASignaturePadding.Pss, HttpStatusCode.Unauthorized),
            ("ES256", RSASignaturePadding.Pkcs1, HttpStatusCode.Unauthorized),
        ])
        {
            var header = new JsonObject { ["alg"] = algorithm, ["kid"] = "r" }.ToJsonString();
            using var client = host.With(
                TokenMaker.Sign(header, Good(host.Tokens), i => rsa.SignData(i, HashAlgorithmName.SHA256, padding)));
            using var response = await client.GetAsync("/v2/", TestContext.Current.CancellationToken);
            Assert.Equal((algorithm, padding, expected), (algorithm, padding, response.StatusCode));
        }
    }

    private async Task<Answer> GetAsync(string token)
    {
        using var client = registry.Host.With(token);
        using var response = await client.GetAsync("/v2/some/repo/manifests/v1", TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }

    private static string Good(TokenMaker tokens) => Claims(tokens, _ => { });

    private static string Claims(TokenMaker tokens, Action<JsonObject> change)
    {
        var claims = tokens.Payload("alice", Scope);
        change(claims);
        return claims.ToJsonString();
    }

    private static string Header(TokenMaker tokens, Action<JsonObject>? change = null)
    {
        var header = tokens.Header();
        change?.Invoke(header);
        return header.ToJsonString();
    }

    private static string ByStranger(TokenMaker tokens, Action<JsonObject> change) =>
        WithEllipticKey(key => TokenMaker.Sign(Header(tokens, change), Good(tokens), i => key.SignData(i, HashAlgorithmName.SHA256)));

    private static string WithCertificate(TokenMaker tokens, string member)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=authindex", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return TokenMaker.Sign(
            Header(tokens, h => h[member] = new JsonArray(Convert.ToBase64String(certificate.RawData))),
            Good(tokens),
            i => key.SignData(i, HashAlgorithmName.SHA256));
    }

    private static string WithEllipticKey(Func<ECDsa, string> make)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return make(key);
    }

    private static string WithRsa(Func<RSA, string> make)
    {
        using var rsa = RSA.Create(2048);
        return make(rsa);
    }
}
