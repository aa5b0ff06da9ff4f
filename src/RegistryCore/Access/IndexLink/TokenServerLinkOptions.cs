using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>The registry's view of the token server.</summary>
internal sealed class TokenServerLinkOptions
{
    /// <summary>Where the registry itself reaches the token server, for its keys and its catalog decisions.</summary>
    public Uri Url { get; set; } = new("http://127.0.0.1:5001");

    /// <summary>
    /// The URL of <c>/token</c> as clients reach it; the token server's public URL where the configuration has one, or else
    /// <see cref="Url"/>, with <c>/token</c> when absent.
    /// </summary>
    public Uri? Realm { get; set; }

    /// <summary>The issuer that tokens must name.</summary>
    [Required]
    public string Issuer { get; set; } = TokenProfile.DefaultIssuer;

    /// <summary>
    /// Where the signing keys are published (RFC 7517); <see cref="Url"/> with <c>/.well-known/jwks.json</c> when absent.
    /// </summary>
    public Uri? KeysUrl { get; set; }

    /// <summary>A file with the keys instead of a URL.</summary>
    [FilePath]
    public string? KeysFile { get; set; }

    /// <summary>How long keys from a URL stay trusted while they cannot be fetched again.</summary>
    [DurationRange("1h", "3650d")]
    public TimeSpan KeysMaxAge { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// Certificates in PEM: tokens are believed whose x5c leads to one of them, or whose kid names the key of one. Without keysUrl and
    /// keysFile no others are.
    /// </summary>
    [FilePath]
    public string? CertificatesFile { get; set; }

    /// <summary>The certificate authority of the token server when it is a private one, in PEM.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>The certificate that the registry shows the token server, in PEM, where that asks for one.</summary>
    [FilePath]
    public string? ClientCertificateFile { get; set; }

    /// <summary>
    /// The file with the private key of <see cref="ClientCertificateFile"/>, in PEM without a password; set with it or not at all.
    /// </summary>
    [FilePath]
    public string? ClientKeyFile { get; set; }

    /// <summary>
    /// The secret by which the token server knows this registry; <c>registry-credential</c> in the data directory when absent.
    /// </summary>
    [FilePath]
    public string? CredentialFile { get; set; }

    /// <summary>How far the clocks of token server and registry may differ.</summary>
    [DurationRange("0s", "60s")]
    public TimeSpan Leeway { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the token server is asked about every token (RFC 7662), and tokens are refused when it does not answer.</summary>
    public bool Introspect { get; set; }

    /// <summary>How long its answer about a token is remembered.</summary>
    [DurationRange("0s", "10m")]
    public TimeSpan IntrospectFor { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The URL of <c>/token</c> that clients are told.</summary>
    internal Uri PublicRealm => Realm ?? At(ServerPaths.Token);

    /// <summary>One of the token server's paths, below that of <see cref="Url"/> where it has one.</summary>
    /// <param name="path">The path, beginning with a slash.</param>
    public Uri At(string path) => new(Url, Url.AbsolutePath.TrimEnd('/') + path);
}
