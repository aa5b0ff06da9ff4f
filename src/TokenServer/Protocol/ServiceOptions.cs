using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>One registry of <c>tokenServer.services</c>.</summary>
internal sealed class ServiceOptions
{
    /// <summary>The <see cref="KeyHeader"/> of registries that trust certificates.</summary>
    internal const string CertificateHeader = "x5c";

    /// <summary>The name that its challenges carry as <c>service</c>.</summary>
    [Required]
    public required string Name { get; set; }

    /// <summary>The <c>aud</c> of its tokens; its name when absent.</summary>
    public string? Audience { get; set; }

    /// <summary>Where clients reach it, shown in catalog results and in the portal's commands.</summary>
    public Uri? Url { get; set; }

    /// <summary>Where this server reaches it, to show images in the portal; <see cref="Url"/> when absent.</summary>
    public Uri? InternalUrl { get; set; }

    /// <summary>The private CA of the registry's certificate, in PEM; then no other is trusted for it.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>A file with <see cref="Url"/>, read when it is needed: the port may be known only once the registry has started.</summary>
    internal string? UrlFile { get; init; }

    /// <summary>The file with its credential for the index; without one it has no access.</summary>
    [FilePath]
    public string? CredentialFile { get; set; }

    /// <summary>What its tokens are signed with: ES256 or RS256.</summary>
    [AllowedValues(TokenProfile.Es256, TokenProfile.Rs256)]
    public string Algorithm { get; set; } = TokenProfile.Es256;

    /// <summary>How its tokens name the key that signed them: kid alone, or x5c for registries that trust certificates.</summary>
    [AllowedValues("kid", CertificateHeader)]
    public string KeyHeader { get; set; } = "kid";

    /// <summary>The lifetime of its tokens; <see cref="TokenServerOptions.TokenLifetime"/> when absent.</summary>
    [DurationRange("60s", "24h")]
    public TimeSpan? TokenLifetime { get; set; }
}
