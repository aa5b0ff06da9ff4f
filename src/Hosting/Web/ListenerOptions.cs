using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Telemetry;

namespace AuthIndex.Hosting.Web;

/// <summary>Where and how a server listens; the part of its options that both servers share.</summary>
public abstract class ListenerOptions
{
    /// <summary>The key of the server's section of the configuration, for messages.</summary>
    public abstract string SectionName { get; }

    /// <summary>The address; port 0 lets the system choose.</summary>
    public ListenAddress Listen { get; set; }

    /// <summary>
    /// The URL under which clients reach the server when it is not the listening address: behind a proxy, or another name.
    /// </summary>
    public Uri? PublicUrl { get; set; }

    /// <summary>Allows plain HTTP on an address that other machines can reach. Passwords and tokens are then sent unencrypted.</summary>
    public bool InsecureHttp { get; set; }

    /// <summary>The certificate; without one the server speaks plain HTTP.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>
    /// The proxies whose <c>X-Forwarded-For</c> is trusted for the client's address. No other header is trusted: scheme, host and prefix
    /// come from <see cref="PublicUrl"/>, which no client can forge.
    /// </summary>
    public List<IPNetwork> TrustedProxies { get; set; } = [];

    /// <summary>How long requests in flight may take to finish when the server is told to stop.</summary>
    [DurationRange("0s", "1h")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The least that is logged: debug, information, warning or error.</summary>
    [AllowedValues("debug", "information", "warning", "error")]
    public string LogLevel { get; set; } = "information";

    /// <summary>The form of log lines on standard error: console (for people) or json.</summary>
    [AllowedValues("console", "json")]
    public string LogFormat { get; set; } = "console";

    /// <summary>Whether the log has a line for every request.</summary>
    public bool AccessLog { get; set; }

    /// <summary>Where traces and metrics are sent.</summary>
    public TelemetryOptions Telemetry { get; set; } = new();

    /// <summary>Whether an address is that of a trusted proxy.</summary>
    internal bool TrustsProxy(IPAddress? address) => address is not null && TrustedProxies.Exists(n => n.Contains(address));
}

/// <summary>A server certificate in PEM files, and the authorities of client certificates.</summary>
public sealed class TlsOptions
{
    /// <summary>The certificate, followed by its intermediate certificates.</summary>
    [FilePath]
    public string? CertificateFile { get; set; }

    /// <summary>The private key of the certificate, in PEM.</summary>
    [FilePath]
    public string? KeyFile { get; set; }

    /// <summary>Whether clients are asked for certificates, and which authorities are trusted to issue them.</summary>
    public ClientCertificateOptions ClientCertificates { get; set; } = new();
}

/// <summary>Whether clients send certificates, and how these are used.</summary>
public sealed class ClientCertificateOptions
{
    /// <summary>The value of <see cref="AccountFrom"/> for certificates that do not sign in.</summary>
    public const string NoAccount = "none";

    /// <summary>The value of <see cref="AccountFrom"/> for SPIFFE IDs.</summary>
    public const string Spiffe = "spiffe";

    /// <summary>
    /// The CA certificates of clients, in PEM; without it and <see cref="TrustDomains"/> no client certificate is requested.
    /// </summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>
    /// With <see cref="Spiffe"/> instead of <see cref="CaFile"/>: the bundle of each trust domain. An authority of one domain cannot issue
    /// IDs of another (SPIFFE Trust Domain and Bundle section 4).
    /// </summary>
    public List<TrustDomainOptions> TrustDomains { get; set; } = [];

    /// <summary>Whether a client without one is served: optional or required.</summary>
    [AllowedValues("optional", "required")]
    public string Mode { get; set; } = "optional";

    /// <summary>Which part of the certificate is the account, at the token server only: none, commonName or spiffe.</summary>
    [AllowedValues(NoAccount, "commonName", "spiffe")]
    public string AccountFrom { get; set; } = NoAccount;

    /// <summary>Whether clients are asked for certificates.</summary>
    internal bool IsAsked => CaFile is not null || TrustDomains.Count > 0;

    /// <summary>
    /// The files of authorities, each with the trust domain that it is for; null where the file itself says it or none matters.
    /// </summary>
    internal IReadOnlyList<(string? TrustDomain, string File)> Bundles =>
        [.. CaFile is null ? [] : (ReadOnlySpan<(string?, string)>)[(null, CaFile)], .. TrustDomains.Select(
            d => ((string?)d.Name, d.CaFile))];
}

/// <summary>One SPIFFE trust domain.</summary>
public sealed class TrustDomainOptions
{
    /// <summary>Its name, as in <c>spiffe://NAME/…</c>.</summary>
    [Required]
    [RegularExpression("[a-z0-9._-]{1,255}", ErrorMessage = "must consist of lower-case letters, digits and . _ -")]
    public required string Name { get; set; }

    /// <summary>The file with its authorities, in PEM.</summary>
    [Required]
    [FilePath]
    public required string CaFile { get; set; }
}
