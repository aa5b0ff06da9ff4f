using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore;

/// <summary>The <c>registry</c> section of the configuration.</summary>
internal sealed class RegistryOptions : ListenerOptions
{
    /// <summary>The section's key.</summary>
    public const string Section = "registry";

    public RegistryOptions() => Listen = new ListenAddress("127.0.0.1", 5000);

    /// <inheritdoc/>
    public override string SectionName => Section;

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

    /// <summary>How the index's revocations are followed.</summary>
    public RevocationOptions Revocations { get; set; } = new();

    /// <summary>How long an upload session may lie untouched before it is removed.</summary>
    [DurationRange("1m", "365d")]
    public TimeSpan UploadExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Pushes are refused while the volume of the data directory has less room than this.</summary>
    public ByteSize FreeSpaceFloor { get; set; } = new(256 * 1024 * 1024);

    /// <summary>Whether manifests are taken that refer to what the repository does not hold, as partial copies of multi-platform images do.</summary>
    public bool SparseManifests { get; set; }

    /// <summary>
    /// What becomes of a DELETE of a blob that a manifest of its repository needs, or of a manifest that a tagged index needs: done
    /// with a <c>Warning</c> header, as the specification's conformance tests demand, or refused with 409.
    /// </summary>
    [AllowedValues("warn", "refuse")]
    public string DeleteNeeded { get; set; } = "warn";

    /// <summary>Whether <see cref="DeleteNeeded"/> lets deletions happen.</summary>
    internal bool DeletesNeeded => DeleteNeeded == "warn";

    /// <summary>When and what the garbage collection removes.</summary>
    public GarbageCollectionOptions GarbageCollection { get; set; } = new();

    /// <summary>How often and how fast what is stored is compared with its digests.</summary>
    public ScrubOptions Scrub { get; set; } = new();

    /// <summary>The folder that holds everything of the registry.</summary>
    public string Root => Path.Combine(DataDirectory, "registry");

    /// <summary>The log of administrative commands.</summary>
    internal string AuditPath => Path.Combine(DataDirectory, "registry-audit.jsonl");
}

/// <summary>The registry's view of the token server.</summary>
internal sealed class TokenServerLinkOptions
{
    /// <summary>Where the registry itself reaches the token server, for its keys and its catalogue decisions.</summary>
    public Uri Url { get; set; } = new("http://127.0.0.1:5001");

    /// <summary>The URL of <c>/token</c> as clients reach it; the token server's public URL where the configuration has one, or else <see cref="Url"/>, with <c>/token</c> when absent.</summary>
    public Uri? Realm { get; set; }

    /// <summary>The issuer that tokens must name.</summary>
    [Required]
    public string Issuer { get; set; } = TokenProfile.DefaultIssuer;

    /// <summary>Where the signing keys are published (RFC 7517); <see cref="Url"/> with <c>/.well-known/jwks.json</c> when absent.</summary>
    public Uri? KeysUrl { get; set; }

    /// <summary>A file with the keys instead of a URL.</summary>
    [FilePath]
    public string? KeysFile { get; set; }

    /// <summary>How long keys from a URL stay trusted while they cannot be fetched again.</summary>
    [DurationRange("1h", "3650d")]
    public TimeSpan KeysMaxAge { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Certificates in PEM: tokens are believed whose x5c leads to one of them, or whose kid names the key of one. Without keysUrl and keysFile no others are.</summary>
    [FilePath]
    public string? CertificatesFile { get; set; }

    /// <summary>The certificate authority of the token server when it is a private one, in PEM.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>The certificate that the registry shows the token server, in PEM, where that asks for one.</summary>
    [FilePath]
    public string? ClientCertificateFile { get; set; }

    /// <summary>The key of <see cref="ClientCertificateFile"/>, in PEM.</summary>
    [FilePath]
    public string? ClientKeyFile { get; set; }

    /// <summary>The secret by which the token server knows this registry; <c>registry-credential</c> in the data directory when absent.</summary>
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

/// <summary>The index's revocations.</summary>
internal sealed class RevocationOptions
{
    /// <summary>The word for refusing tokens.</summary>
    public const string Refuse = "refuse";

    /// <summary>Whether they are followed; false where the token server has none.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>What becomes of tokens when the index has not been heard of for longer than <see cref="After"/>: continue to believe them, or refuse.</summary>
    [AllowedValues("continue", Refuse)]
    public string WhenCut { get; set; } = "continue";

    /// <summary>How long that is.</summary>
    [DurationRange("1m", "30d")]
    public TimeSpan After { get; set; } = TimeSpan.FromMinutes(5);
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

/// <summary>The garbage collection.</summary>
internal sealed class GarbageCollectionOptions
{
    /// <summary>How long after one run the next begins, restarts or not; the first comes one grace period after the registry was made. 0s: only by command.</summary>
    [DurationRange("0s", "30d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long what was pushed, mounted or found to exist is kept although nothing refers to it yet: at least as long as the
    /// slowest client takes from its first existence check to its manifest. 0s only where nobody pushes meanwhile.
    /// </summary>
    [DurationRange("0s", "30d")]
    public TimeSpan Grace { get; set; } = TimeSpan.FromHours(1);

    /// <summary>What becomes of manifests without a tag: keep, or how long after they were pushed or lost their tag they go.</summary>
    public UntaggedPolicy Untagged { get; set; }
}

/// <summary>The background scrub.</summary>
internal sealed class ScrubOptions
{
    /// <summary>In what time every blob is checked once. 0s: only by command.</summary>
    [DurationRange("0s", "365d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromDays(30);

    /// <summary>The most that the background scrub reads in a second.</summary>
    [AtLeast("1MiB")]
    public ByteSize BytesPerSecond { get; set; } = new(20 * 1024 * 1024);
}

/// <summary>Bounds a size from below.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AtLeastAttribute(string least) : ValidationAttribute
{
    /// <summary>The smallest size allowed, as the configuration writes it.</summary>
    public string Least => least;

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is ByteSize size && size.Bytes >= ByteSize.Parse(least, null).Bytes;

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be at least {least}";
}

/// <summary>Bounds a size from above.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AtMostAttribute(string most) : ValidationAttribute
{
    /// <summary>The largest size allowed, as the configuration writes it.</summary>
    public string Most => most;

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is ByteSize size && size.Bytes <= ByteSize.Parse(most, null).Bytes;

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be at most {most}";
}

/// <summary>What becomes of manifests without a tag.</summary>
/// <param name="RemoveAfter">How long after they were pushed or lost their tag they go; null to keep them.</param>
internal readonly record struct UntaggedPolicy(TimeSpan? RemoveAfter) : IParsable<UntaggedPolicy>
{
    /// <inheritdoc/>
    public static UntaggedPolicy Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var policy) ? policy : throw new FormatException($"'{s}' is neither keep nor a duration.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out UntaggedPolicy result)
    {
        result = default;
        if (s == "keep") return true;
        if (s is null || !Duration.TryParse(s, out var after)) return false;
        result = new UntaggedPolicy(after);
        return true;
    }
}

/// <summary>Limits on what clients send and ask for.</summary>
internal sealed class LimitOptions
{
    /// <summary>The largest manifest.</summary>
    public ByteSize ManifestSize { get; set; } = new(4 * 1024 * 1024);

    /// <summary>The most memory for manifests that are being received, at least twice <see cref="ManifestSize"/>; one account gets half of it.</summary>
    public ByteSize ManifestsInFlight { get; set; } = new(128 * 1024 * 1024);

    /// <summary>The most descriptors in one manifest.</summary>
    [Range(1, 100_000)]
    public int ManifestReferences { get; set; } = 10_000;

    /// <summary>How many indexes may lie in one another, the outermost counted.</summary>
    [Range(1, 100)]
    public int IndexDepth { get; set; } = 8;

    /// <summary>The most tags that one push can move.</summary>
    [Range(10, 1000)]
    public int TagsPerPush { get; set; } = 100;

    /// <summary>The most ranges of a blob that are answered one by one; who asks for more gets the whole blob.</summary>
    [Range(1, 1000)]
    public int Ranges { get; set; } = 16;

    /// <summary>The most upload sessions that one account, or all anonymous callers together, may have open.</summary>
    [Range(1, 100_000)]
    public int UploadSessions { get; set; } = 1000;

    /// <summary>The length that chunks of an upload should have at least, which clients are told; smaller ones are taken too. 0 to tell nothing.</summary>
    public ByteSize ChunkLength { get; set; }

    /// <summary>Requests per second that an address may make without proving who it is, ten times as many at once; 0 for any number.</summary>
    [Range(0, 100_000)]
    public int UnauthenticatedPerSecond { get; set; } = 200;

    /// <summary>The most bytes of all headers of a request; a token alone may have 64 KiB.</summary>
    [AtLeast("16KiB")]
    [AtMost("1MiB")]
    public ByteSize RequestHeaders { get; set; } = new(96 * 1024);

    /// <summary>The most names on one page of tags or repositories.</summary>
    [Range(1, 100_000)]
    public int PageSize { get; set; } = 10_000;

    /// <summary>The most memory for manifests that are kept at hand.</summary>
    public ByteSize ManifestCache { get; set; } = new(32 * 1024 * 1024);
}
