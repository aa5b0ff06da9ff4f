namespace AuthIndex.TokenContract.Wire;

/// <summary>The token server's paths that registries and their clients ask, each beginning with a slash.</summary>
public static class ServerPaths
{
    /// <summary>Where clients get a token (Docker token specification).</summary>
    public const string Token = "/token";

    /// <summary>The public keys of the tokens (RFC 7517).</summary>
    public const string Keys = "/.well-known/jwks.json";

    /// <summary>Where registries ask whether a token is still good (RFC 7662).</summary>
    public const string Introspection = "/introspect";

    /// <summary>Where registries report events: POST of an <see cref="EventReport"/>.</summary>
    public const string Events = "/index/v1/events";

    /// <summary>Where registries report everything they hold: POST of <see cref="SnapshotReport"/>s.</summary>
    public const string Snapshot = "/index/v1/snapshot";

    /// <summary>
    /// Where registries follow what is revoked: GET with a <see cref="RevocationQuery"/>, answered by a <see cref="RevocationFeed"/>.
    /// </summary>
    public const string Revocations = "/index/v1/revocations";

    /// <summary>
    /// Where registries ask what a caller may pull: POST of a <see cref="PullableQuestion"/>, answered by a
    /// <see cref="PullableAnswer"/>.
    /// </summary>
    public const string Pullable = "/index/v1/pullable";

    /// <summary>
    /// Where registries search for a caller: POST of a <see cref="SearchQuestion"/>, answered by a <see cref="SearchAnswer"/>.
    /// </summary>
    public const string Search = "/index/v1/search";
}
