using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// What a client asks for, in either form: the query of a GET (Docker token specification, "Requesting a token") or the form of a POST
/// (Docker token specification, "OAuth2"; RFC 6749 sections 4.3 and 6; RFC 8693 section 2.1). <c>account</c> is ignored: the identity comes
/// only from the credentials.
/// </summary>
/// <param name="Service">The registry.</param>
/// <param name="Scopes">The scopes, each resource once; may be none, as <c>docker login</c> asks.</param>
/// <param name="Client">The <c>client_id</c>; null when there is none.</param>
/// <param name="Credentials">Who asks; null for an anonymous request, which only a GET can be.</param>
/// <param name="WantsRefreshToken">Whether a refresh token is asked for.</param>
/// <param name="IsForm">Whether it is a form, which is answered with the error codes of RFC 6749.</param>
internal sealed record TokenRequest(
    RegistryService Service,
    IReadOnlyList<Scope> Scopes,
    string? Client,
    BasicCredentials? Credentials,
    bool WantsRefreshToken,
    bool IsForm)
{
    /// <summary>The grant type of a token exchange (RFC 8693 section 2.1).</summary>
    public const string ExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// <summary>The type of the tokens issued here (RFC 8693 section 3).</summary>
    public const string AccessTokenType = TokenTypes + "access_token";

    private const string TokenTypes = "urn:ietf:params:oauth:token-type:";

    /// <summary>The largest form read, in bytes: room for the largest number of scopes.</summary>
    public const int MaxFormBytes = 64 * 1024;

    private static readonly string[] QuerySingles = ["service", "client_id", "offline_token"];
    private static readonly string[] ExchangeSingles = [
        "subject_token", "subject_token_type", "requested_token_type", "actor_token", "actor_token_type", "audience", "resource"];
    private static readonly string[] FormSingles = [
        "grant_type", "service", "client_id", "access_type", "username", "password", "refresh_token", .. ExchangeSingles];

    /// <summary>Whether a form contains a refresh token (RFC 6749 section 6).</summary>
    public bool IsRefresh { get; private init; }

    /// <summary>Whether a token of another issuer is exchanged for one of this server (RFC 8693).</summary>
    public bool IsExchange { get; private init; }

    /// <summary>Reads the query of a GET.</summary>
    /// <param name="query">The query, with its question mark.</param>
    /// <param name="credentials">The credentials of the header; null for none.</param>
    /// <param name="services">The configured registries.</param>
    /// <param name="request">The request, when it is well formed.</param>
    /// <param name="problem">The answer to give otherwise.</param>
    public static bool TryReadQuery(
        string? query, BasicCredentials? credentials, IReadOnlyList<RegistryService> services,
        [NotNullWhen(true)] out TokenRequest? request, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        request = null;
        if (!Parameters.TryRead(query, QuerySingles, out var found, out problem)) return false;
        if (!ScopeSet.TryParse(found.Scopes, out var scopes, out var malformed))
        {
            problem = ErrorAnswer.InvalidRequest(malformed);
            return false;
        }

        if (!TryCommon(found, services, out var service, out problem)) return false;
        request = new TokenRequest(service, scopes, found["client_id"], credentials, found["offline_token"] == "true", IsForm: false);
        return true;
    }

    /// <summary>Reads the form of a POST.</summary>
    /// <param name="form">The body.</param>
    /// <param name="header">The credentials of the header, which must not contradict the form; null for none.</param>
    /// <param name="services">The configured registries.</param>
    /// <param name="request">The request, when it is well formed.</param>
    /// <param name="problem">The answer to give otherwise.</param>
    public static bool TryReadForm(
        string form, BasicCredentials? header, IReadOnlyList<RegistryService> services, [NotNullWhen(true)] out TokenRequest? request,
        [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        request = null;
        if (!Parameters.TryRead(form, FormSingles, out var found, out problem) || !TryCredentials(found, out var credentials, out problem))
        {
            return false;
        }

        var grantType = found["grant_type"];
        if (header is not null && !IsSame(header, credentials, grantType == "password"))
        {
            problem = ErrorAnswer.InvalidRequest("the Authorization header and the form contain different credentials");
        }

        if (problem is not null) return false;
        if (!ScopeSet.TryParse(found.Scopes, out var scopes, out var malformed))
        {
            problem = ErrorAnswer.InvalidScope(malformed);
            return false;
        }

        var isExchange = grantType == ExchangeGrant;
        if (!(isExchange ? TryTarget(found, services, out var service, out problem) : TryCommon(found, services, out service, out problem)))
        {
            return false;
        }

        request = new TokenRequest(service, scopes, found["client_id"], credentials, found["access_type"] == "offline", IsForm: true)
        {
            IsExchange = isExchange,
            IsRefresh = grantType == "refresh_token",
        };
        return true;
    }

    private static bool TryCredentials(
        Parameters found, [NotNullWhen(true)] out BasicCredentials? credentials, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        credentials = null;
        problem = null;
        switch (found["grant_type"])
        {
            case null:
                problem = ErrorAnswer.InvalidRequest(
                    "the parameter grant_type is missing: use password, refresh_token or the token exchange grant (RFC 8693)");
                return false;
            case "password" when found["username"] is { } user && found["password"] is { } password:
                credentials = new BasicCredentials(user, password);
                return true;
            case "password":
                problem = ErrorAnswer.InvalidRequest("the parameters username and password are required");
                return false;
            case "refresh_token" when found["refresh_token"] is { } token:
                // A secret with a known prefix, or refused: it is never treated as a password.
                credentials = new BasicCredentials("", token);
                return true;
            case "refresh_token":
                problem = ErrorAnswer.InvalidRequest("the parameter refresh_token is missing");
                return false;
            case ExchangeGrant:
                return TrySubject(found, out credentials, out problem);
            default:
                problem = ErrorAnswer.UnsupportedGrantType;
                return false;
        }
    }

    // A refresh token identifies its owner, so the user name with it does not matter.
    private static bool IsSame(BasicCredentials header, BasicCredentials form, bool isUserMeant) =>
        header.Password == form.Password && (!isUserMeant || header.User == form.User);

    private static bool TrySubject(
        Parameters found, [NotNullWhen(true)] out BasicCredentials? credentials, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        var token = found["subject_token"];
        problem = token is null ? ErrorAnswer.InvalidRequest("the parameter subject_token is missing")
            : found["subject_token_type"] is not (TokenTypes + "jwt" or TokenTypes + "id_token")
            ? ErrorAnswer.InvalidRequest($"the subject_token_type must be {TokenTypes}jwt or {TokenTypes}id_token")
            : found["requested_token_type"] is not (null or AccessTokenType)
            ? ErrorAnswer.InvalidRequest($"the requested_token_type must be {AccessTokenType}")
            : found["actor_token"] is not null || found["actor_token_type"] is not null
            ? ErrorAnswer.InvalidRequest("delegation is not supported: remove actor_token")
            : !CompactJwt.LooksLike(token) ? ErrorAnswer.InvalidRequest("the subject_token is not a JWT")
            : null;

        // Of a form that is recognized, so that it is never treated as a password.
        credentials = token is not null && problem is null ? new BasicCredentials("", token) : null;
        return credentials is not null;
    }

    /// <summary>
    /// The registry that an exchange is for: the one that matches every given parameter (RFC 8693 section 2.1, "resource" and "audience").
    /// </summary>
    private static bool TryTarget(
        Parameters found,
        IReadOnlyList<RegistryService> services,
        [NotNullWhen(true)] out RegistryService? service,
        [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        var (audience, resource) = (found["audience"], found["resource"]);
        if (audience is null && resource is null) return TryCommon(found, services, out service, out problem);
        var meant = services.Where(s => found["service"] is not { } name || s.Name == name)
            .Where(s => audience is null || s.Name == audience || s.Audience == audience)
            .Where(s => resource is null || (s.Url is not null && Uri.TryCreate(resource, UriKind.Absolute, out var url) && url == s.Url))
            .ToList();
        service = meant is [var only] ? only : null;
        problem = service is null
            ? ErrorAnswer.InvalidTarget("service, audience and resource do not name one registry of this server")
            : ClientProblem(found);
        return service is not null && problem is null;
    }

    private static bool TryCommon(
        Parameters found,
        IReadOnlyList<RegistryService> services,
        [NotNullWhen(true)] out RegistryService? service,
        [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        // Some clients send no service where the challenge's is empty or unread; with one registry it is unambiguous.
        var name = found["service"];
        service = name is null ? (services.Count == 1 ? services[0] : null) : services.FirstOrDefault(s => s.Name == name);
        problem = ClientProblem(found);
        if (service is null)
        {
            problem ??= ErrorAnswer.InvalidRequest(name is null
                ? "the parameter service is missing: name the registry that the token is for"
                : "this server does not issue tokens for that service");
        }

        return service is not null && problem is null;
    }

    private static ErrorAnswer? ClientProblem(Parameters found) => found["client_id"] switch
    {
        { Length: > Grant.MaxNameLength } =>
            ErrorAnswer.InvalidRequest($"the client_id has more than {Grant.MaxNameLength} characters"),
        { } id when id.Any(char.IsControl) => ErrorAnswer.InvalidRequest("the client_id contains control characters"),
        _ => null,
    };

    /// <summary>The parameters of a query or form. An empty one is treated as absent (RFC 6749 section 3.2).</summary>
    private sealed class Parameters
    {
        // Far more than ScopeSet.MaxCount scopes of one parameter each need.
        private const int MaxCount = 128;

        private readonly Dictionary<string, string> singles = new(StringComparer.Ordinal);

        public List<string?> Scopes { get; } = [];

        public string? this[string name] => singles.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

        public static bool TryRead(
            string? text, string[] names, [NotNullWhen(true)] out Parameters? parameters, [NotNullWhen(false)] out ErrorAnswer? problem)
        {
            var found = parameters = new Parameters();
            var count = 0;
            foreach (var parameter in new QueryStringEnumerable(text))
            {
                if (++count > MaxCount)
                {
                    problem = ErrorAnswer.InvalidRequest($"more than {MaxCount} parameters");
                    return false;
                }

                var name = parameter.DecodeName().ToString();
                if (name == "scope")
                {
                    found.Scopes.Add(parameter.DecodeValue().ToString());
                }
                else if (names.Contains(name) && !found.singles.TryAdd(name, parameter.DecodeValue().ToString()))
                {
                    problem = ErrorAnswer.InvalidRequest($"more than one {name}");
                    return false;
                }
            }

            problem = null;
            return true;
        }
    }
}
