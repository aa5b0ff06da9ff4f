using System.ComponentModel.DataAnnotations;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>Requires an issuer: a URL that is safe to fetch keys from (OpenID Connect Discovery section 3).</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class IssuerUrlAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is not string text
        || (Uri.TryCreate(text, UriKind.Absolute, out var url)
            && KeysUrlAttribute.IsSafe(url)
            && url.Query.Length == 0
            && url.Fragment.Length == 0);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must be an https:// URL without query or fragment; http:// only for this machine";
}

/// <summary>Requires a URL whose answers cannot be forged in transit.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class KeysUrlAttribute : ValidationAttribute
{
    /// <summary>Whether answers from the URL can be trusted.</summary>
    public static bool IsSafe(Uri url) => url.Scheme == Uri.UriSchemeHttps || IsLoopbackHttp(url);

    /// <summary>Whether a URL is one of this machine, by plain HTTP.</summary>
    public static bool IsLoopbackHttp(Uri url) => url.Scheme == Uri.UriSchemeHttp && url.IsLoopback;

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is not Uri url || IsSafe(url);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must begin with https://; http:// only for this machine, because keys fetched over it could be forged";
}

/// <summary>Requires a non-empty list.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AtLeastOneAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is List<string> { Count: > 0 } texts && texts.All(t => t.Length > 0);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => "must be a text or a list of texts, none of them empty";
}

/// <summary>Requires claim templates.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ClaimTemplateAttribute : ValidationAttribute
{
    /// <summary>Whether they are for groups, which may be optional and come from lists.</summary>
    public bool OfGroups { get; set; }

    /// <inheritdoc/>
    public override bool IsValid(object? value) => Problem(value) is null;

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        IsValid(value) ? ValidationResult.Success : new ValidationResult(Problem(value));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => OfGroups
        ? "must be texts with claims in braces and a character between two of them, such as \"owner:{repository_owner}\", "
            + "\"environment:{environment?}\" or \"{groups[]}\"; no two may begin with the same text before their first claim"
        : "must be a text with claims in braces and a character between two of them, such as \"{repository}\" or "
            + "\"{kubernetes.io/namespace}:{kubernetes.io/serviceaccount/name}\"";

    private string? Problem(object? value) => value switch
    {
        string text => TemplateProblem(text),
        List<string> texts => texts.Select(TemplateProblem).FirstOrDefault(p => p is not null) ?? Clash(texts),
        _ => null,
    };

    private string? TemplateProblem(string text) => ClaimTemplate.TryParse(text, OfGroups, out _, out var problem) ? null : problem;

    // Two templates must never make the same group, whatever the claims contain.
    private static string? Clash(List<string> texts)
    {
        var beginnings = texts.Select(t => t[..t.IndexOf('{', StringComparison.Ordinal)]).ToList();
        return beginnings.Where((b, i) => beginnings.Where((other, j) => i != j && other.StartsWith(b, StringComparison.Ordinal)).Any())
            .FirstOrDefault() is null ? null : "two begin with the same text";
    }
}

/// <summary>Requires claim patterns, at least one unless none is needed: a public issuer would otherwise sign everyone in.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ClaimPatternsAttribute : ValidationAttribute
{
    /// <summary>Whether there may be none: where the issuer itself decides who gets a token for this server.</summary>
    public bool MayBeEmpty { get; set; }

    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is Dictionary<string, List<string>> table
        && (MayBeEmpty || table.Count > 0)
        && table.All(r => ClaimPath.TryParse(r.Key, out _) && r.Value.Count > 0 && r.Value.TrueForAll(v => v.Length > 0));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must require at least one claim, such as { repository_owner: example }: otherwise everyone the issuer gives "
        + "tokens to could sign in";
}

/// <summary>Requires supported signature algorithms.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AlgorithmsAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is List<string> { Count: > 0 } words && words.All(TokenProfile.Algorithms.Contains);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be a list of {string.Join(", ", TokenProfile.Algorithms)}";
}
