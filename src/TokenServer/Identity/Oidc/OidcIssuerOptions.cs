using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>One issuer of <c>tokenServer.oidc</c>, whose tokens (OpenID Connect Core section 2) sign in machines such as CI jobs.</summary>
internal sealed class OidcIssuerOptions
{
    /// <summary>What its accounts and groups begin with, before a colon.</summary>
    [Required]
    [RegularExpression("[a-z0-9][a-z0-9._-]{0,62}", ErrorMessage = "must consist of lower-case letters, digits and . _ -")]
    public required string Name { get; set; }

    /// <summary>The exact <c>iss</c> of its tokens.</summary>
    [Required]
    [IssuerUrl]
    public required string Issuer { get; set; }

    /// <summary>What <c>aud</c> must hold one of.</summary>
    [AtLeastOne]
    public List<string> Audience { get; set; } = [];

    /// <summary>Its JWK set, when not what its discovery document says.</summary>
    [KeysUrl]
    public Uri? KeysUrl { get; set; }

    /// <summary>A file with its JWK set, instead of asking it.</summary>
    [FilePath]
    public string? KeysFile { get; set; }

    /// <summary>How long its keys stay trusted while it cannot be asked again.</summary>
    [DurationRange("10m", "3650d")]
    public TimeSpan KeysMaxAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>The CA certificates, in PEM, that it must chain to; the system's when absent.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>The file with the bearer token for fetching its keys; read for each request.</summary>
    [FilePath]
    public string? BearerTokenFile { get; set; }

    /// <summary>The account of a token, without the issuer's name: claims in braces.</summary>
    [Required]
    [ClaimTemplate]
    public required string Account { get; set; }

    /// <summary>The groups of a token, likewise.</summary>
    [ClaimTemplate(OfGroups = true)]
    public List<string> Groups { get; set; } = [];

    /// <summary>Required claims: for each, the patterns of which one must match.</summary>
    [ClaimPatterns]
    public Dictionary<string, List<string>> Require { get; set; } = [];

    /// <summary>What its tokens may be signed with.</summary>
    [Algorithms]
    public List<string> Algorithms { get; set; } = ["RS256", "ES256"];

    /// <summary>How far its clock may be off.</summary>
    [DurationRange("0s", "5m")]
    public TimeSpan Leeway { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How much longer than the token it stands for a registry's token may last; its own lifetime is the bound in any case.
    /// </summary>
    [DurationRange("0s", "24h")]
    public TimeSpan Outlive { get; set; }
}
