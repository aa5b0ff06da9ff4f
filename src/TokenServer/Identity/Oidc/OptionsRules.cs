using System.ComponentModel.DataAnnotations;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>Asks for an issuer: a URL that is safe to take keys from (OpenID Connect Discovery section 3).</summary>
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
        "must be a URL beginning with https:// without query and fragment; http:// only to this machine";
}

/// <summary>Asks for a URL that nobody in between can answer for.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class KeysUrlAttribute : ValidationAttribute
{
    /// <summary>Whether what comes from the URL can be believed.</summary>
    public static bool IsSafe(Uri url) => url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback);

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is not Uri url || IsSafe(url);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must begin with https://; http:// only to this machine, since whoever is in between could put keys of their own in";
}

/// <summary>Asks for a list that holds something.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AtLeastOneAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is List<string> { Count: > 0 } texts && texts.All(t => t.Length > 0);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => "must be a text or a list of texts, of which none is empty";
}

/// <summary>Asks for templates over claims.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ClaimTemplateAttribute : ValidationAttribute
{
    /// <summary>Whether they are of groups, which may be optional and come from lists.</summary>
    public bool OfGroups { get; set; }

    /// <inheritdoc/>
    public override bool IsValid(object? value) => Problem(value) is null;

    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        IsValid(value) ? ValidationResult.Success : new ValidationResult(Problem(value));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => OfGroups
        ? "must be texts with claims in braces and a character between two of them, such as \"owner:{repository_owner}\", "
            + "\"environment:{environment?}\" or \"{groups[]}\"; of several, none may begin as another does before its first claim"
        : "must be a text with claims in braces and a character between two of them, such as \"{repository}\" or "
            + "\"{kubernetes.io/namespace}:{kubernetes.io/serviceaccount/name}\"";

    private string? Problem(object? value) => value switch
    {
        string text => TemplateProblem(text),
        List<string> texts => texts.Select(TemplateProblem).FirstOrDefault(p => p is not null) ?? Clash(texts),
        _ => null,
    };

    private string? TemplateProblem(string text) => ClaimTemplate.TryParse(text, OfGroups, out _, out var problem) ? null : problem;

    // What two templates make must not be the same group, whatever the claims hold.
    private static string? Clash(List<string> texts)
    {
        var beginnings = texts.Select(t => t[..t.IndexOf('{', StringComparison.Ordinal)]).ToList();
        return beginnings.Where((b, i) => beginnings.Where((other, j) => i != j && other.StartsWith(b, StringComparison.Ordinal)).Any())
            .FirstOrDefault() is null ? null : "two begin alike";
    }
}

/// <summary>Asks for patterns that claims must match, at least one: an issuer for everybody would sign everybody in.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ClaimPatternsAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is Dictionary<string, List<string>> { Count: > 0 } table
        && table.All(r => ClaimPath.TryParse(r.Key, out _) && r.Value.Count > 0 && r.Value.TrueForAll(v => v.Length > 0));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must name at least one claim and what it must be, such as { repository_owner: example }: without, whoever the issuer gives "
        + "tokens to would be signed in";
}

/// <summary>Asks for signature algorithms.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AlgorithmsAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is List<string> { Count: > 0 } words && words.All(TokenProfile.Algorithms.Contains);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be a list of {string.Join(", ", TokenProfile.Algorithms)}";
}
