using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>One OpenID Connect provider of <c>tokenServer.portal.providers</c>, where people sign in to the portal.</summary>
internal sealed class OidcProviderOptions
{
    /// <summary>What its accounts and groups begin with, before a colon; part of the redirect URI.</summary>
    [Required]
    [RegularExpression("[a-z0-9][a-z0-9._-]{0,62}", ErrorMessage = "must consist of lower-case letters, digits and . _ -")]
    public required string Name { get; set; }

    /// <summary>What people see on the sign-in page; the name when absent.</summary>
    public string? DisplayName { get; set; }

    /// <summary>The provider: the exact <c>iss</c> of its tokens.</summary>
    [Required]
    [IssuerUrl]
    public required string Issuer { get; set; }

    /// <summary>What the provider calls this server.</summary>
    [Required]
    public required string ClientId { get; set; }

    /// <summary>The file with the secret that the provider gave this server; read for each sign-in. Absent for a public client.</summary>
    [FilePath]
    public string? ClientSecretFile { get; set; }

    /// <summary>The scopes that are asked for; <c>openid</c> always is.</summary>
    public List<string> Scopes { get; set; } = ["openid", "profile"];

    /// <summary>The CA certificates, in PEM, that it must chain to; the system's when absent.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>The account of an ID token, without the provider's name: claims in braces.</summary>
    [Required]
    [ClaimTemplate]
    public required string Account { get; set; }

    /// <summary>The groups of an ID token, likewise.</summary>
    [ClaimTemplate(OfGroups = true)]
    public List<string> Groups { get; set; } = [];

    /// <summary>Required claims: for each, the patterns of which one must match.</summary>
    [ClaimPatterns(MayBeEmpty = true)]
    public Dictionary<string, List<string>> Require { get; set; } = [];

    /// <summary>What its tokens may be signed with.</summary>
    [Algorithms]
    public List<string> Algorithms { get; set; } = ["RS256", "ES256"];

    /// <summary>How far its clock may be off.</summary>
    [DurationRange("0s", "5m")]
    public TimeSpan Leeway { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long after its last sign-in there an account may be used here: the provider is not asked in between whether it still exists.
    /// </summary>
    [DurationRange("10m", "365d")]
    public TimeSpan SignInFor { get; set; } = TimeSpan.FromHours(12);
}
