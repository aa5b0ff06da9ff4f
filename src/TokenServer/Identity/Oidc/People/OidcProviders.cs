using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>A provider where people sign in.</summary>
/// <param name="options">Its settings, validated.</param>
internal sealed class OidcProvider(OidcProviderOptions options)
{
    private const long MaxTime = 253_402_300_799; // the end of the year 9999
    private const int MaxSubject = 255; // OpenID Connect Core section 2

    private readonly ClaimMapping mapping = new(options.Name, options.Account, options.Groups, options.Require);

    /// <summary>Its settings.</summary>
    public OidcProviderOptions Options => options;

    /// <summary>What its accounts and groups begin with.</summary>
    public string Name => options.Name;

    /// <summary>What people know it as.</summary>
    public string DisplayName => options.DisplayName is { Length: > 0 } name ? name : Name;

    /// <summary>The source of its accounts, as operators know it.</summary>
    public string Source => $"{SignIn.Oidc}:{Name}";

    /// <summary>Whether an account is one of this provider.</summary>
    public bool Owns(string account) => account.StartsWith(Name + ":", StringComparison.Ordinal);

    /// <summary>The person that a verified ID token is for.</summary>
    /// <param name="claims">Its claims.</param>
    /// <param name="now">When.</param>
    /// <param name="person">The person, when there is one.</param>
    /// <param name="refusedSubject">Whose claims are refused; null when nobody's are.</param>
    /// <returns>Null, or why it is refused.</returns>
    public string? Read(JsonElement claims, DateTimeOffset now, out Person? person, out string? refusedSubject)
    {
        (person, refusedSubject) = (null, null);
        if (Text(claims, "iss") != options.Issuer) return "the ID token is from another issuer";
        if (Text(claims, "sub") is not { Length: > 0 and <= MaxSubject } subject) return "the ID token has no usable sub";
        if (mapping.Map(claims, out var account, out var groups) is { } problem)
        {
            refusedSubject = subject;
            return problem;
        }

        person = new Person(account, Name, subject, groups, DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()));
        return null;
    }

    /// <summary>When the provider last asked the person who they are; null when an ID token does not say.</summary>
    public static DateTimeOffset? AuthenticatedAt(JsonElement claims) =>
        claims.TryGetProperty("auth_time", out var claim) && claim.ValueKind == JsonValueKind.Number && claim.TryGetInt64(out var seconds)
        && seconds is >= 0 and <= MaxTime
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var claim) ? ClaimPath.TextOf(claim) : null;
}

/// <summary>The providers of the configuration.</summary>
internal sealed class OidcProviders
{
    /// <param name="providers">Their settings.</param>
    /// <param name="issuers">The issuers for machines, which share the names' space.</param>
    /// <param name="publicUrl">The server's address for browsers; null when it is not configured.</param>
    /// <exception cref="OperatorException">The settings conflict.</exception>
    public OidcProviders(IReadOnlyList<OidcProviderOptions> providers, IReadOnlyList<OidcIssuerOptions> issuers, Uri? publicUrl)
    {
        foreach (var provider in providers)
        {
            if (Problem(provider) is { } problem) throw new OperatorException($"tokenServer.portal.providers: {provider.Name}: {problem}");
        }

        All = [.. providers.Select(p => new OidcProvider(p))];

        string? Problem(OidcProviderOptions provider) =>
            publicUrl is null ? "set tokenServer.publicUrl: the provider sends browsers back to an address below it"
            : Subject.IsReserved(provider.Name) ? "the name has another meaning in policies; choose a different one"
            : providers.Count(p => p.Name == provider.Name) > 1 ? "the name is used more than once"
            : issuers.Any(i => i.Name == provider.Name) ? "an issuer of tokenServer.oidc has the same name"
            : provider.Scopes.Any(s => s.Length == 0 || s.Any(c => c is <= ' ' or '"' or '\\' or >= '\x7f'))
            ? "a scope contains a space or another character that a scope cannot have"
            : null;
    }

    /// <summary>The configured providers.</summary>
    public IReadOnlyList<OidcProvider> All { get; }

    /// <summary>The provider of a name; null when there is none.</summary>
    public OidcProvider? Find(string name) => All.FirstOrDefault(p => p.Name == name);
}
