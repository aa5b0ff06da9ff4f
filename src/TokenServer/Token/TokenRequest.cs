using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// What a client asks for (Docker token specification, "Requesting a token"). <c>account</c>, <c>client_id</c> and
/// <c>offline_token</c> are read past: who somebody is comes from credentials only.
/// </summary>
/// <param name="Service">The registry.</param>
/// <param name="Scopes">The scopes, each resource once; may be none, as <c>docker login</c> asks.</param>
internal sealed record TokenRequest(RegistryService Service, IReadOnlyList<Scope> Scopes)
{
    // Far more than ScopeSet.MaxCount scopes of one parameter each need.
    private const int MaxParameters = 128;

    /// <summary>Reads the query of a GET.</summary>
    /// <param name="query">The query, with its question mark.</param>
    /// <param name="services">The registries there are.</param>
    /// <param name="request">The request, when the answer is null.</param>
    /// <returns>Null when the request is well formed; otherwise the answer to give.</returns>
    public static ErrorAnswer? Read(string? query, IReadOnlyList<RegistryService> services, out TokenRequest? request)
    {
        request = null;
        string? name = null;
        List<string?> scopes = [];
        var count = 0;
        foreach (var parameter in new QueryStringEnumerable(query))
        {
            if (++count > MaxParameters) return ErrorAnswer.InvalidRequest($"more than {MaxParameters} parameters");
            switch (parameter.DecodeName().Span)
            {
                case "service" when name is not null:
                    return ErrorAnswer.InvalidRequest("more than one service");
                case "service":
                    name = parameter.DecodeValue().ToString();
                    break;
                case "scope":
                    scopes.Add(parameter.DecodeValue().ToString());
                    break;
            }
        }

        if (ServiceOf(name, services, out var service) is { } problem) return problem;
        if (ScopeSet.Parse(scopes, out var parsed) is { } malformed) return ErrorAnswer.InvalidRequest(malformed);
        request = new TokenRequest(service!, parsed);
        return null;
    }

    private static ErrorAnswer? ServiceOf(string? name, IReadOnlyList<RegistryService> services, out RegistryService? service)
    {
        // Some clients send no service where the challenge's is empty or unread; with one registry there is no doubt.
        service = string.IsNullOrEmpty(name) ? (services.Count == 1 ? services[0] : null) : services.FirstOrDefault(s => s.Name == name);
        if (service is not null) return null;
        return ErrorAnswer.InvalidRequest(string.IsNullOrEmpty(name)
            ? "the parameter service is missing: it names the registry that the token is for"
            : "the service is not one that this server issues tokens for");
    }
}
