using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer;

/// <summary>
/// Says whether the process lives, and whether it can serve, part by part. A policy that could not be reloaded is told as
/// degraded but still served: the last good one is in force. Likewise signing keys.
/// </summary>
internal sealed class HealthEndpoint(PolicyStore policies, KeyStore keys, HtpasswdFile htpasswd, LdapSources directories, IReadOnlyList<RegistryService> services, TimeProvider time)
{
    /// <summary>200 as long as the process answers.</summary>
    public const string LivePath = "/healthz/live";

    /// <summary>200 when it can serve, 503 when not.</summary>
    public const string ReadyPath = "/healthz/ready";

    private const string Ok = "ok";
    private const string Degraded = "degraded";
    private const string Unavailable = "unavailable";

    private static readonly byte[] Alive = JsonBytes.Write(Ok, static (json, word) => Write(json, word, null));

    /// <summary>Answers at <see cref="LivePath"/>.</summary>
    public static Task LiveAsync(HttpContext context) => AnswerAsync(context, StatusCodes.Status200OK, Alive);

    /// <summary>Answers at <see cref="ReadyPath"/>. The details stay in the log: strangers may ask here.</summary>
    public Task ReadyAsync(HttpContext context)
    {
        var accounts = htpasswd.Current.Content is null ? Unavailable : Ok;
        var policy = policies.Degraded is null ? Ok : Degraded;
        var signing = keys.Degraded is null ? Ok : Degraded;
        var ldap = directories.All.Select(d => (d.DirectoryName, Status: WordOf(d.Health))).ToList();

        // Without its directories the server still serves everybody else.
        var whole = accounts != Ok ? Unavailable : signing == Ok && ldap.TrueForAll(d => d.Status == Ok) ? policy : Degraded;
        var signer = keys.Current.SignerOf(services[0].Algorithm, time.GetUtcNow())!.Id;
        var body = JsonBytes.Write((whole, policy, policies.Current.Revision, signing, signer, accounts, ldap), static (json, health) =>
            Write(json, health.whole, parts =>
            {
                WritePart(parts, "policy", health.policy, "revision", health.Revision);
                WritePart(parts, "keys", health.signing, "kid", health.signer);
                WritePart(parts, "htpasswd", health.accounts, null, null);
                foreach (var (name, status) in health.ldap) WritePart(parts, $"ldap:{name}", status, null, null);
            }));
        return AnswerAsync(context, whole == Unavailable ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK, body);
    }

    private static string WordOf(DirectoryHealth health) => health switch
    {
        DirectoryHealth.Ok => Ok,
        DirectoryHealth.Degraded => Degraded,
        _ => Unavailable,
    };

    private static Task AnswerAsync(HttpContext context, int status, byte[] body)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method)) return ErrorAnswer.MethodNotAllowed("GET, HEAD").SendAsync(context.Response);
        context.Response.Headers.CacheControl = "no-store";
        return JsonBytes.SendAsync(context.Response, status, body);
    }

    private static void Write(System.Text.Json.Utf8JsonWriter json, string status, Action<System.Text.Json.Utf8JsonWriter>? parts)
    {
        json.WriteStartObject();
        json.WriteString("status"u8, status);
        if (parts is not null)
        {
            json.WriteStartObject("parts"u8);
            parts(json);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WritePart(System.Text.Json.Utf8JsonWriter json, string name, string status, string? detail, string? value)
    {
        json.WriteStartObject(name);
        json.WriteString("status"u8, status);
        if (detail is not null) json.WriteString(detail, value);
        json.WriteEndObject();
    }
}
