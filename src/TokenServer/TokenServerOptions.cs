using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer;

/// <summary>The section <c>tokenServer</c> of the configuration; every key is described in <c>docs/configuration.md</c>.</summary>
internal sealed class TokenServerOptions : ListenerOptions
{
    /// <summary>The key of the section: <c>tokenServer</c>.</summary>
    public const string Section = "tokenServer";

    public TokenServerOptions() => Listen = new ListenAddress("127.0.0.1", 5001);

    /// <inheritdoc/>
    public override string SectionName => Section;

    /// <summary>Where everything lies that init makes.</summary>
    [FilePath]
    public string DataDirectory { get; set; } = ".authindex";

    /// <summary>The database of tokens, revocations, suspensions, sessions and the catalog.</summary>
    public DatabaseOptions Database { get; set; } = new();

    /// <summary>The <c>iss</c> of every token.</summary>
    [Required]
    public string Issuer { get; set; } = TokenProfile.DefaultIssuer;

    /// <summary>The folder of signing keys.</summary>
    [FilePath]
    public string? KeysDirectory { get; set; }

    /// <summary>The htpasswd file with the local accounts; in the data directory when not set.</summary>
    [FilePath]
    public string? HtpasswdFile { get; set; }

    /// <summary>
    /// Where init puts the credential of the registry that is served when <see cref="Services"/> names none, and where it is read.
    /// </summary>
    [FilePath]
    public string? RegistryCredentialFile { get; set; }

    /// <summary>A file with the URL of the registry that is served when <see cref="Services"/> names none.</summary>
    [FilePath]
    public string? RegistryUrlFile { get; set; }

    /// <summary>The private CA of that registry's certificate.</summary>
    [FilePath]
    public string? RegistryCaFile { get; set; }

    /// <summary>The folder of policy files.</summary>
    [FilePath]
    public string PoliciesDirectory { get; set; } = "policies";

    /// <summary>
    /// A candidate policy that is asked beside the one in force; where it differs is logged and counted, nothing of it is enforced.
    /// </summary>
    [FilePath]
    public string? ShadowPoliciesDirectory { get; set; }

    /// <summary>The lifetime of registry tokens.</summary>
    [DurationRange("60s", "24h")]
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a new signing key is published before it signs; never less than registries take to learn of it.</summary>
    [DurationRange("6m", "30d")]
    public TimeSpan KeyAhead { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a verified password is remembered, so that it need not be hashed again; 0s remembers none.</summary>
    [DurationRange("0s", "24h")]
    public TimeSpan RememberPasswords { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many sign-ins may fail.</summary>
    public SignInLimitsOptions SignInLimits { get; set; } = new();

    /// <summary>What the audit log gathers into one line, when its file is put aside, and how many such files are kept.</summary>
    public AuditOptions Audit { get; set; } = new();

    /// <summary>How many requests for a token an address may make in a second without credentials.</summary>
    [Range(0, 100_000)]
    public int UnauthenticatedPerSecond { get; set; } = 100;

    /// <summary>Whether a client that asks for a refresh token gets one; without, docker keeps the password.</summary>
    public bool RefreshTokens { get; set; } = true;

    /// <summary>After how long without use a refresh token ends.</summary>
    [DurationRange("1h", "3650d")]
    public TimeSpan RefreshTokenIdle { get; set; } = TimeSpan.FromDays(90);

    /// <summary>After how long a refresh token ends in any case.</summary>
    [DurationRange("1h", "3650d")]
    public TimeSpan RefreshTokenLifetime { get; set; } = TimeSpan.FromDays(365);

    /// <summary>How many refresh tokens an account has; beyond, the one that was not used for longest ends.</summary>
    [Range(1, 100_000)]
    public int RefreshTokensPerAccount { get; set; } = 1000;

    /// <summary>The longest and default lifetime of an access token.</summary>
    [DurationRange("1m", "3650d")]
    public TimeSpan AccessTokenLifetime { get; set; } = TimeSpan.FromDays(365);

    /// <summary>How many access tokens an account may have.</summary>
    [Range(0, 100_000)]
    public int AccessTokensPerAccount { get; set; } = 100;

    /// <summary>The pages for people with a browser.</summary>
    public PortalOptions Portal { get; set; } = new();

    /// <summary>The directories whose accounts may sign in, asked in order after the accounts of the htpasswd file.</summary>
    public List<LdapDirectoryOptions> Ldap { get; set; } = [];

    /// <summary>The issuers whose tokens sign in machines, such as CI jobs.</summary>
    public List<OidcIssuerOptions> Oidc { get; set; } = [];

    /// <summary>The registries that tokens are issued for.</summary>
    public List<ServiceOptions> Services { get; set; } = [];

    internal string KeysPath => KeysDirectory ?? InData("keys");

    internal string HtpasswdPath => HtpasswdFile ?? InData("htpasswd");

    internal string CertificatesPath => InData("certs");

    internal string CredentialPath => RegistryCredentialFile ?? InData("registry-credential");

    internal string InitialPasswordPath => InData("initial-admin-password");

    internal string StatePath => InData("token-server");

    internal string DatabaseFile => Path.Combine(StatePath, "index.db");

    /// <summary>Whether the state is in a database that other servers share.</summary>
    internal bool SharesDatabase => Database.ConnectionFile is not null;

    internal string AuditPath => Path.Combine(StatePath, "audit.jsonl");

    internal string OidcPath => Path.Combine(StatePath, "oidc");

    internal string ProcessIdPath => Path.Combine(StatePath, "pid");

    internal string InitLockPath => InData("init.lock");

    internal IReadOnlyList<ServiceOptions> EffectiveServices =>
        Services.Count > 0 ? Services :
        [
            new ServiceOptions
            {
                Name = TokenProfile.DefaultService, CredentialFile = CredentialPath, UrlFile = RegistryUrlFile, CaFile = RegistryCaFile,
            },
        ];

    internal KeyDemands KeyDemands => new(
        KeysPath,
        [.. EffectiveServices.Select(s => s.Algorithm).Distinct(StringComparer.Ordinal)],
        EffectiveServices.Any(s => s.KeyHeader == ServiceOptions.CertificateHeader),
        EffectiveServices.Max(s => s.TokenLifetime ?? TokenLifetime));

    private string InData(string name) => Path.Combine(Path.GetFullPath(DataDirectory), name);
}
