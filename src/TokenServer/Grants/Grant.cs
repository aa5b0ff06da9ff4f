using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>A refresh token or an access token as the server keeps it: everything but the secret.</summary>
/// <param name="Id">Its public name: in lists, in logs, and in the tokens issued under it.</param>
/// <param name="Kind">Which of the two it is.</param>
/// <param name="Account">Whose it is: the account's canonical name.</param>
/// <param name="Name">What people call it; for a refresh token the client that it was given to.</param>
/// <param name="Service">The only registry that a refresh token is valid for; null for an access token.</param>
/// <param name="Client">The <c>client_id</c> that a refresh token was given to; null when it named none.</param>
/// <param name="Created">When it was made; whole seconds.</param>
/// <param name="Expires">When it expires, used or not.</param>
/// <param name="Used">When it was last used; null when never. Written with a delay of about a minute.</param>
/// <param name="UsedFrom">The address of that use.</param>
/// <param name="Narrowing">The restrictions on its owner's rights.</param>
internal sealed record Grant(
    string Id,
    TokenKind Kind,
    string Account,
    string Name,
    string? Service,
    string? Client,
    DateTimeOffset Created,
    DateTimeOffset Expires,
    DateTimeOffset? Used,
    string? UsedFrom,
    TokenRestriction Narrowing)
{
    /// <summary>The address that a refresh token was given to; null when unknown, and for an access token.</summary>
    public string? GivenFrom { get; init; }

    /// <summary>Which account of that name its owner is; null until the first use of a token created before this was recorded.</summary>
    public AccountOrigin? Origin { get; init; }

    /// <summary>The longest name and the longest <c>client_id</c>, in characters.</summary>
    public const int MaxNameLength = 100;

    // docker, nerdctl and buildkit keep what they are given in docker's configuration, where each of them, skopeo, crane and many more
    // find it.
    private static readonly string[] Sharing = ["docker", "containerd-client", "buildkit-client"];

    /// <summary>Its kind, for messages.</summary>
    public string KindName => Kind == TokenKind.Access ? "access token" : "refresh token";

    /// <summary>Why a name cannot be given; null when it can.</summary>
    public static string? NameProblem(string name) => name.Length is 0 or > MaxNameLength || name.Any(char.IsControl) || name != name.Trim()
        ? $"a token's name must have 1 to {MaxNameLength} characters, without control characters or leading or trailing spaces"
        : null;

    /// <summary>
    /// Whether a client may use it: the one it was given to, or any if that client shares its credentials. A client without a name cannot
    /// be distinguished.
    /// </summary>
    public bool IsFor(string? client) => Client is null || client is null || client == Client || Sharing.Contains(Client);
}
