using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore;

/// <summary>The <c>registry</c> section of the configuration.</summary>
internal sealed class RegistryOptions : ListenerOptions
{
    /// <summary>The key of the section in the configuration.</summary>
    public const string Section = "registry";

    public RegistryOptions() => Listen = new ListenAddress("127.0.0.1", 5000);

    /// <inheritdoc/>
    public override string SectionName => Section;

    /// <summary>The data directory; the registry keeps everything in its folder <c>registry</c>.</summary>
    [FilePath]
    [Required]
    public string DataDirectory { get; set; } = Path.GetFullPath(".authindex");

    /// <summary>The database of repositories, manifests and tags; absent: a SQLite file in the data directory.</summary>
    public DatabaseOptions Database { get; set; } = new();

    /// <summary>
    /// The name under which the token server knows this registry: the <c>service</c> of the challenge and the audience of the tokens.
    /// </summary>
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

    /// <summary>The sites whose pages may call the registry from a browser; none by default.</summary>
    public CrossOriginOptions Cors { get; set; } = new();

    /// <summary>How long an upload session may lie untouched before it is removed.</summary>
    [DurationRange("1m", "365d")]
    public TimeSpan UploadExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Pushes are refused while the volume of the data directory has less room than this.</summary>
    public ByteSize FreeSpaceFloor { get; set; } = new(256 * 1024 * 1024);

    /// <summary>
    /// Whether manifests are taken that refer to what the repository does not hold, as partial copies of multi-platform images do.
    /// </summary>
    public bool SparseManifests { get; set; }

    /// <summary>
    /// What becomes of a DELETE of a blob that a manifest of its repository needs, or of a manifest that a tagged index needs: done
    /// with a <c>Warning</c> header, as the specification's conformance tests demand, or refused with 409.
    /// </summary>
    [AllowedValues("warn", "refuse")]
    public string DeleteNeeded { get; set; } = "warn";

    /// <summary>Other registries whose images are served from here, downloaded when somebody asks for them; none by default.</summary>
    public List<UpstreamOptions> Upstreams { get; set; } = [];

    /// <summary>When and what the garbage collection removes.</summary>
    public GarbageCollectionOptions GarbageCollection { get; set; } = new();

    /// <summary>How often and how fast what is stored is compared with its digests.</summary>
    public ScrubOptions Scrub { get; set; } = new();

    /// <summary>The folder that holds everything of the registry.</summary>
    public string Root => Path.Combine(DataDirectory, "registry");

    /// <summary>Where the bytes of blobs are kept.</summary>
    public StorageOptions Storage { get; set; } = new();

    /// <summary>Who this registry is to the token server.</summary>
    internal RegistryIdentity Identity =>
        new(Service, TokenServer.CredentialFile ?? Path.Combine(DataDirectory, "registry-credential"), Root);

    /// <summary>
    /// What the stores go by: whether <see cref="SparseManifests"/> is set, whether <see cref="DeleteNeeded"/> only warns, and where
    /// copies of upstreams lie.
    /// </summary>
    internal ContentRules ContentRules =>
        new(SparseManifests, DeleteNeeded == "warn") { SparsePrefixes = [.. Upstreams.Select(u => u.LocalPrefix)] };

    /// <summary>The log of administrative commands.</summary>
    internal string AuditPath => Path.Combine(DataDirectory, "registry-audit.jsonl");
}
