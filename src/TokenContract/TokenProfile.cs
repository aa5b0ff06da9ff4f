namespace AuthIndex.TokenContract;

/// <summary>
/// The shape of the tokens that the token server makes and the registry takes: the claims of the Docker token JWT
/// specification, signed as RFC 7515 (compact form, three parts).
/// </summary>
public static class TokenProfile
{
    /// <summary>The <c>typ</c> header of tokens (RFC 7519 section 5.1).</summary>
    public const string Type = "JWT";

    /// <summary>ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4): the default.</summary>
    public const string Es256 = "ES256";

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3): for verifiers that know no other.</summary>
    public const string Rs256 = "RS256";

    /// <summary>The claim that holds what is granted.</summary>
    public const string Access = "access";

    /// <summary>The private claim that says why something was withheld.</summary>
    public const string Refused = "refused";

    /// <summary>
    /// The private claim that names the refresh token or access token by which the token was asked for; absent when it was a password.
    /// Revoking a grant makes every token under it useless.
    /// </summary>
    public const string Grant = "grant";

    /// <summary>
    /// The private claim by which the token server finds the groups again of a sign-in that nobody can be asked about later, that of
    /// an OIDC token; absent for others. Groups themselves stay out of tokens, which must stay small.
    /// </summary>
    public const string SignIn = "sign_in";

    /// <summary>
    /// The private claim, <c>true</c>, of a token by which the token server itself looks at what a registry holds, for a page that
    /// somebody sees: what it gets is not a pull.
    /// </summary>
    public const string View = "view";

    /// <summary>The issuer when the configuration names none.</summary>
    public const string DefaultIssuer = "authindex";

    /// <summary>The service, and so the audience, when the configuration names none.</summary>
    public const string DefaultService = "registry";

    /// <summary>The longest token a registry looks at, in characters; clients such as crane stop at 64 KiB.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>The longest lifetime of a token that can be configured: for so long a revocation must be known.</summary>
    public static TimeSpan MaxLifetime { get; } = TimeSpan.FromHours(24);

    /// <summary>The algorithms a registry accepts; everything else, <c>none</c> and the HS family first of all, is refused.</summary>
    public static IReadOnlySet<string> Algorithms { get; } = new HashSet<string>(StringComparer.Ordinal) { Es256, Rs256 };
}
