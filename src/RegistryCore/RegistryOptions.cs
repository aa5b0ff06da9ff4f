using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore;

/// <summary>The <c>registry</c> section of the configuration.</summary>
internal sealed class RegistryOptions : ListenerOptions
{
    public RegistryOptions() => Listen = new ListenAddress("127.0.0.1", 5000);

    /// <summary>The data directory; the registry keeps everything in its folder <c>registry</c>.</summary>
    [FilePath]
    [Required]
    public string DataDirectory { get; set; } = Path.GetFullPath(".authindex");

    /// <summary>The name under which the token server knows this registry: the <c>service</c> of the challenge and the audience of the tokens.</summary>
    [Required]
    public string Service { get; set; } = TokenProfile.DefaultService;

    /// <summary>Whose tokens are believed.</summary>
    public TokenServerLinkOptions TokenServer { get; set; } = new();

    /// <summary>What a client may ask for at most.</summary>
    public LimitOptions Limits { get; set; } = new();

    /// <summary>What the index is told.</summary>
    public ReportingOptions Reporting { get; set; } = new();

    /// <summary>How long an upload session may lie untouched before it is removed.</summary>
    [DurationRange("1m", "365d")]
    public TimeSpan UploadExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>The folder that holds everything of the registry.</summary>
    public string Root => Path.Combine(DataDirectory, "registry");
}

/// <summary>The registry's view of the token server.</summary>
internal sealed class TokenServerLinkOptions
{
    /// <summary>Where the registry itself reaches the token server, for its keys and its catalogue decisions.</summary>
    public Uri Url { get; set; } = new("http://127.0.0.1:5001");

    /// <summary>The URL of <c>/token</c> as clients reach it; <see cref="Url"/> with <c>/token</c> when absent.</summary>
    public Uri? Realm { get; set; }

    /// <summary>The issuer that tokens must name.</summary>
    [Required]
    public string Issuer { get; set; } = TokenProfile.DefaultIssuer;

    /// <summary>Where the signing keys are published (RFC 7517); <see cref="Url"/> with <c>/.well-known/jwks.json</c> when absent.</summary>
    public Uri? KeysUrl { get; set; }

    /// <summary>A file with the keys instead of a URL.</summary>
    [FilePath]
    public string? KeysFile { get; set; }

    /// <summary>The certificate authority of the token server when it is a private one, in PEM.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>The secret by which the token server knows this registry; <c>registry-credential</c> in the data directory when absent.</summary>
    [FilePath]
    public string? CredentialFile { get; set; }

    /// <summary>How far the clocks of token server and registry may differ.</summary>
    [DurationRange("0s", "60s")]
    public TimeSpan Leeway { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>The reports to the index.</summary>
internal sealed class ReportingOptions
{
    /// <summary>Whether the index is told what is pushed, deleted and pulled; false where the token server keeps no catalogue.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How often pulls are reported, and the index is asked whether it still knows all, when nothing else happens.</summary>
    [DurationRange("1s", "1d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The longest pause before a report that failed is tried again; the pauses grow up to it.</summary>
    [DurationRange("100ms", "1h")]
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>Limits on what clients send and ask for.</summary>
internal sealed class LimitOptions
{
    /// <summary>The largest manifest.</summary>
    public ByteSize ManifestSize { get; set; } = new(4 * 1024 * 1024);

    /// <summary>The most descriptors in one manifest.</summary>
    [Range(1, 100_000)]
    public int ManifestReferences { get; set; } = 10_000;

    /// <summary>The most names on one page of tags or repositories.</summary>
    [Range(1, 100_000)]
    public int PageSize { get; set; } = 10_000;

    /// <summary>The most memory for manifests that are kept at hand.</summary>
    public ByteSize ManifestCache { get; set; } = new(32 * 1024 * 1024);
}
