using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TestKit;

/// <summary>
/// An OIDC issuer on this machine, as those of CI systems are: a discovery document, a set of RSA keys that can be exchanged,
/// and tokens in the shapes of GitHub Actions, GitLab CI and Kubernetes. Can be away, and demand a token of its own.
/// </summary>
public sealed class OidcIssuerServer : IAsyncDisposable
{
    public const string Audience = "registry.example.com";

    private readonly WebApplication app;
    private readonly TimeProvider clock;
    private RSA key = RSA.Create(2048);
    private int asked;

    private OidcIssuerServer(WebApplication app, TimeProvider clock)
    {
        this.app = app;
        this.clock = clock;
    }

    /// <summary>The <c>iss</c> of its tokens.</summary>
    public string Issuer => app.Urls.First();

    /// <summary>The name of its key.</summary>
    public string KeyId { get; set; } = "key-1";

    /// <summary>Whether it answers nothing but 503.</summary>
    public bool IsAway { get; set; }

    /// <summary>The bearer token without which it answers 401; null when it answers everybody.</summary>
    public string? Demands { get; set; }

    /// <summary>Where requests are sent on to; null where they are answered.</summary>
    public string? Redirect { get; set; }

    /// <summary>The <c>issuer</c> of its discovery document; null for its own.</summary>
    public string? Claims { get; set; }

    /// <summary>What stands in the set of keys besides the keys.</summary>
    public string Filler { get; set; } = "";

    /// <summary>The set that it serves; null for <see cref="Jwks"/>.</summary>
    public string? Served { get; set; }

    /// <summary>What it is to people, besides a source of tokens for machines; null for nothing.</summary>
    public OidcPeople? People { get; set; }

    /// <summary>How often its keys were asked for.</summary>
    public int Asked => Volatile.Read(ref asked);

    /// <summary>The public key as it would be misused as an HMAC secret.</summary>
    public byte[] PublicKeyPem => System.Text.Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem());

    /// <summary>Its set of keys.</summary>
    public string Jwks => new JsonObject { ["keys"] = new JsonArray(Jwk), ["filler"] = Filler }.ToJsonString();

    /// <summary>The public key.</summary>
    public JsonObject Jwk
    {
        get
        {
            var parameters = key.ExportParameters(false);
            return new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["alg"] = "RS256", ["kid"] = KeyId,
                ["n"] = Encode(parameters.Modulus!), ["e"] = Encode(parameters.Exponent!) };
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<OidcIssuerServer> StartAsync(TimeProvider clock)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var server = new OidcIssuerServer(builder.Build(), clock);
        server.app.Run(server.HandleAsync);
        await server.app.StartAsync();
        return server;
    }

    /// <summary>Exchanges the key for another.</summary>
    public void Rotate(string keyId)
    {
        key.Dispose();
        key = RSA.Create(2048);
        KeyId = keyId;
    }

    /// <summary>The claims that GitHub gives to a job.</summary>
    public JsonObject GitHub(string repository = "example/app", string branch = "main", string? environment = null)
    {
        var claims = Common($"repo:{repository}:{(environment is null ? $"ref:refs/heads/{branch}" : $"environment:{environment}")}");
        claims["repository"] = repository;
        claims["repository_id"] = "74";
        claims["repository_owner"] = repository.Split('/')[0];
        claims["repository_owner_id"] = "65";
        claims["repository_visibility"] = "private";
        claims["ref"] = $"refs/heads/{branch}";
        claims["ref_type"] = "branch";
        claims["event_name"] = "push";
        claims["actor"] = "alice";
        claims["workflow"] = "build";
        claims["job_workflow_ref"] = $"{repository}/.github/workflows/build.yml@refs/heads/{branch}";
        claims["runner_environment"] = "github-hosted";
        if (environment is not null) claims["environment"] = environment;
        return claims;
    }

    /// <summary>The claims that GitLab gives to a job.</summary>
    public JsonObject GitLab(string project = "example/tools/app", string branch = "main", bool isProtected = true)
    {
        var claims = Common($"project_path:{project}:ref_type:branch:ref:{branch}");
        claims["namespace_path"] = project[..project.LastIndexOf('/')];
        claims["project_path"] = project;
        claims["project_id"] = "22";
        claims["user_login"] = "alice";
        claims["pipeline_source"] = "push";
        claims["ref"] = branch;
        claims["ref_type"] = "branch";
        claims["ref_protected"] = isProtected ? "true" : "false";
        claims["groups_direct"] = new JsonArray("example/tools", "example/infra");
        return claims;
    }

    /// <summary>The claims that Kubernetes gives to a pod of a service account.</summary>
    public JsonObject Kubernetes(string space = "build", string name = "pusher")
    {
        var claims = Common($"system:serviceaccount:{space}:{name}");
        claims["aud"] = new JsonArray("other", Audience);
        claims["kubernetes.io"] = new JsonObject
        {
            ["namespace"] = space,
            ["pod"] = new JsonObject { ["name"] = "builder-0", ["uid"] = "43a1" },
            ["serviceaccount"] = new JsonObject { ["name"] = name, ["uid"] = "8b42" },
        };
        return claims;
    }

    /// <summary>The header of a good token.</summary>
    public JsonObject Header() => new() { ["typ"] = "JWT", ["alg"] = "RS256", ["kid"] = KeyId };

    /// <summary>Signs claims with the key.</summary>
    public string Sign(JsonObject claims, JsonObject? header = null) => Sign((header ?? Header()).ToJsonString(), claims.ToJsonString());

    /// <summary>Signs any texts with the key, also such as are no JSON.</summary>
    public string Sign(string header, string claims) =>
        TokenMaker.Sign(header, claims, input => key.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        key.Dispose();
    }

    private static string Encode(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private JsonObject Common(string subject)
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        return new JsonObject
        {
            ["iss"] = Issuer,
            ["sub"] = subject,
            ["aud"] = Audience,
            ["iat"] = now,
            ["nbf"] = now,
            ["exp"] = now + 600,
            ["jti"] = RandomNumberGenerator.GetHexString(16),
        };
    }

    private Task HandleAsync(HttpContext http)
    {
        var answer = http.Response;
        if (IsAway || (Demands is not null && http.Request.Headers.Authorization != $"Bearer {Demands}"))
        {
            answer.StatusCode = IsAway ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        }

        if (Redirect is not null)
        {
            answer.Redirect(Redirect + http.Request.Path);
            return Task.CompletedTask;
        }

        if (http.Request.Path == "/.well-known/openid-configuration")
        {
            return answer.WriteAsync(new JsonObject
            {
                ["issuer"] = Claims ?? Issuer,
                ["jwks_uri"] = $"{Issuer}/keys",
                ["authorization_endpoint"] = $"{Issuer}{OidcPeople.AuthorizePath}",
                ["token_endpoint"] = $"{Issuer}{OidcPeople.TokenPath}",
            }.ToJsonString());
        }

        if (People is not null && OidcPeople.IsFor(http.Request)) return People.HandleAsync(http);

        Interlocked.Increment(ref asked);
        return answer.WriteAsync(Served ?? Jwks);
    }
}
