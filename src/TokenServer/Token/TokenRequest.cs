using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// What a client asks for, in either form: the query of a GET (Docker token specification, "Requesting a token") or the form of a
/// POST (Docker token specification, "OAuth2"; RFC 6749 sections 4.3 and 6; RFC 8693 section 2.1). <c>account</c> is read past: who somebody is comes
/// from credentials only.
/// </summary>
/// <param name="Service">The registry.</param>
/// <param name="Scopes">The scopes, each resource once; may be none, as <c>docker login</c> asks.</param>
/// <param name="Client">The <c>client_id</c>; null when there is none.</param>
/// <param name="Credentials">Who asks; null for an anonymous request, which only a GET can be.</param>
/// <param name="WantsRefreshToken">Whether a refresh token is asked for.</param>
/// <param name="IsForm">Whether it is a form, which is answered in the words of RFC 6749.</param>
internal sealed record TokenRequest(RegistryService Service, IReadOnlyList<Scope> Scopes, string? Client, BasicCredentials? Credentials, bool WantsRefreshToken, bool IsForm)
{
    /// <summary>The grant type of a token exchange (RFC 8693 section 2.1).</summary>
    public const string ExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// <summary>The type of the tokens issued here (RFC 8693 section 3).</summary>
    public const string AccessTokenType = TokenTypes + "access_token";

    private const string TokenTypes = "urn:ietf:params:oauth:token-type:";

    /// <summary>The largest form read, in bytes: as many scopes as are read at all.</summary>
    public const int MaxFormBytes = 64 * 1024;

    private static readonly string[] QuerySingles = ["service", "client_id", "offline_token"];
    private static readonly string[] ExchangeSingles = ["subject_token", "subject_token_type", "requested_token_type", "actor_token", "actor_token_type", "audience", "resource"];
    private static readonly string[] FormSingles = ["grant_type", "service", "client_id", "access_type", "username", "password", "refresh_token", .. ExchangeSingles];

    /// <summary>Whether a form shows a refresh token (RFC 6749 section 6).</summary>
    public bool IsRefresh { get; private init; }

    /// <summary>Whether a token of another issuer is exchanged for one of this server (RFC 8693).</summary>
    public bool IsExchange { get; private init; }

    /// <summary>Reads the query of a GET.</summary>
    /// <param name="query">The query, with its question mark.</param>
    /// <param name="credentials">The credentials of the header; null for none.</param>
    /// <param name="services">The registries there are.</param>
    /// <param name="request">The request, when the answer is null.</param>
    /// <returns>Null when the request is well formed; otherwise the answer to give.</returns>
    public static ErrorAnswer? ReadQuery(string? query, BasicCredentials? credentials, IReadOnlyList<RegistryService> services, out TokenRequest? request)
    {
        request = null;
        if (Parameters.Read(query, QuerySingles, out var found) is { } problem) return problem;
        if (ScopeSet.Parse(found!.Scopes, out var scopes) is { } malformed) return ErrorAnswer.InvalidRequest(malformed);
        if (Common(found, services, out var service) is { } wrong) return wrong;
        request = new TokenRequest(service!, scopes, found["client_id"], credentials, found["offline_token"] == "true", IsForm: false);
        return null;
    }

    /// <summary>Reads the form of a POST.</summary>
    /// <param name="form">The body.</param>
    /// <param name="header">The credentials of the header, which must not say otherwise than the form; null for none.</param>
    /// <param name="services">The registries there are.</param>
    /// <param name="request">The request, when the answer is null.</param>
    /// <returns>Null when the request is well formed; otherwise the answer to give.</returns>
    public static ErrorAnswer? ReadForm(string form, BasicCredentials? header, IReadOnlyList<RegistryService> services, out TokenRequest? request)
    {
        request = null;
        if (Parameters.Read(form, FormSingles, out var found) is { } problem) return problem;
        if (Credential(found!, out var credentials) is { } unusable) return unusable;
        if (header is not null && !IsSame(header, credentials!, found!["grant_type"] == "password")) return ErrorAnswer.InvalidRequest("the Authorization header and the form hold different credentials");
        if (ScopeSet.Parse(found!.Scopes, out var scopes) is { } malformed) return ErrorAnswer.InvalidScope(malformed);
        var isExchange = found["grant_type"] == ExchangeGrant;
        RegistryService? service;
        if ((isExchange ? Target(found, services, out service) : Common(found, services, out service)) is { } wrong) return wrong;
        request = new TokenRequest(service!, scopes, found["client_id"], credentials, found["access_type"] == "offline", IsForm: true)
        {
            IsExchange = isExchange,
            IsRefresh = found["grant_type"] == "refresh_token",
        };
        return null;
    }

    private static ErrorAnswer? Credential(Parameters found, out BasicCredentials? credentials)
    {
        credentials = null;
        switch (found["grant_type"])
        {
            case null:
                return ErrorAnswer.InvalidRequest("the parameter grant_type is missing: password, refresh_token or that of a token exchange");
            case "password" when found["username"] is { } user && found["password"] is { } password:
                credentials = new BasicCredentials(user, password);
                return null;
            case "password":
                return ErrorAnswer.InvalidRequest("the parameters username and password are needed");
            case "refresh_token" when found["refresh_token"] is { } token:
                // Of the kind that is looked up, or refused by how it begins: it is never taken for a password.
                credentials = new BasicCredentials("", token);
                return null;
            case "refresh_token":
                return ErrorAnswer.InvalidRequest("the parameter refresh_token is missing");
            case ExchangeGrant:
                return Subject(found, out credentials);
            default:
                return ErrorAnswer.UnsupportedGrantType;
        }
    }

    // A refresh token says who it is by itself, so the user name beside it does not matter.
    private static bool IsSame(BasicCredentials header, BasicCredentials form, bool isUserMeant) =>
        header.Password == form.Password && (!isUserMeant || header.User == form.User);

    private static ErrorAnswer? Subject(Parameters found, out BasicCredentials? credentials)
    {
        credentials = null;
        if (found["subject_token"] is not { } token) return ErrorAnswer.InvalidRequest("the parameter subject_token is missing");
        if (found["subject_token_type"] is not (TokenTypes + "jwt" or TokenTypes + "id_token")) return ErrorAnswer.InvalidRequest($"the subject_token_type must be {TokenTypes}jwt or {TokenTypes}id_token");
        if (found["requested_token_type"] is not (null or AccessTokenType)) return ErrorAnswer.InvalidRequest($"the requested_token_type can be {AccessTokenType} only");
        if (found["actor_token"] is not null || found["actor_token_type"] is not null) return ErrorAnswer.InvalidRequest("nobody can act for the subject: leave actor_token out");
        if (!CompactJwt.LooksLike(token)) return ErrorAnswer.InvalidRequest("the subject_token is no JWT");

        // Of the form that is told from passwords, so that it is never taken for one.
        credentials = new BasicCredentials("", token);
        return null;
    }

    /// <summary>The registry that an exchange is for: the one of which all that is named is true (RFC 8693 section 2.1, "resource" and "audience").</summary>
    private static ErrorAnswer? Target(Parameters found, IReadOnlyList<RegistryService> services, out RegistryService? service)
    {
        var (audience, resource) = (found["audience"], found["resource"]);
        if (audience is null && resource is null) return Common(found, services, out service);
        var meant = services.Where(s => found["service"] is not { } name || s.Name == name)
            .Where(s => audience is null || s.Name == audience || s.Audience == audience)
            .Where(s => resource is null || (s.Url is not null && Uri.TryCreate(resource, UriKind.Absolute, out var url) && url == s.Url))
            .ToList();
        service = meant is [var only] ? only : null;
        return service is null ? ErrorAnswer.InvalidTarget("service, audience and resource do not name one registry that this server issues tokens for") : ClientProblem(found);
    }

    private static ErrorAnswer? Common(Parameters found, IReadOnlyList<RegistryService> services, out RegistryService? service)
    {
        service = null;
        return ClientProblem(found) ?? ServiceOf(found["service"], services, out service);
    }

    private static ErrorAnswer? ClientProblem(Parameters found) =>
        found["client_id"]?.Length > Grant.MaxNameLength ? ErrorAnswer.InvalidRequest($"the client_id has more than {Grant.MaxNameLength} characters") : null;

    private static ErrorAnswer? ServiceOf(string? name, IReadOnlyList<RegistryService> services, out RegistryService? service)
    {
        // Some clients send no service where the challenge's is empty or unread; with one registry there is no doubt.
        service = name is null ? (services.Count == 1 ? services[0] : null) : services.FirstOrDefault(s => s.Name == name);
        if (service is not null) return null;
        return ErrorAnswer.InvalidRequest(name is null
            ? "the parameter service is missing: it names the registry that the token is for"
            : "the service is not one that this server issues tokens for");
    }

    /// <summary>The parameters of a query or form. One that is empty counts as not there (RFC 6749 section 3.2).</summary>
    private sealed class Parameters
    {
        // Far more than ScopeSet.MaxCount scopes of one parameter each need.
        private const int MaxCount = 128;

        private readonly Dictionary<string, string> singles = new(StringComparer.Ordinal);

        public List<string?> Scopes { get; } = [];

        public string? this[string name] => singles.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

        public static ErrorAnswer? Read(string? text, string[] names, out Parameters? parameters)
        {
            parameters = new Parameters();
            var count = 0;
            foreach (var parameter in new QueryStringEnumerable(text))
            {
                if (++count > MaxCount) return ErrorAnswer.InvalidRequest($"more than {MaxCount} parameters");
                var name = parameter.DecodeName().ToString();
                if (name == "scope") parameters.Scopes.Add(parameter.DecodeValue().ToString());
                else if (names.Contains(name) && !parameters.singles.TryAdd(name, parameter.DecodeValue().ToString())) return ErrorAnswer.InvalidRequest($"more than one {name}");
            }

            return null;
        }
    }
}
