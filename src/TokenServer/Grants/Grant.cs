using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>A refresh token or an access token as the server keeps it: everything but the secret.</summary>
/// <param name="Id">Its public name: in lists, in logs, and in the tokens issued under it.</param>
/// <param name="Kind">Which of the two it is.</param>
/// <param name="Account">Whose it is: the account's canonical name.</param>
/// <param name="Name">What people call it; for a refresh token the client that it was given to.</param>
/// <param name="Service">The only registry that a refresh token is good for; null for an access token.</param>
/// <param name="Client">The <c>client_id</c> that a refresh token was given to; null when it named none.</param>
/// <param name="Created">When it was made; whole seconds.</param>
/// <param name="Expires">From when on it is good for nothing, used or not.</param>
/// <param name="Used">When it was last used; null when never. Written with a delay of about a minute.</param>
/// <param name="UsedFrom">The address of that use.</param>
/// <param name="Narrowing">What it is good for of all that its owner may.</param>
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

    /// <summary>Which account of that name its owner is; null until a first use of a token from before this was kept.</summary>
    public AccountOrigin? Origin { get; init; }

    /// <summary>The longest name and the longest <c>client_id</c>, in characters.</summary>
    public const int MaxNameLength = 100;

    // docker, nerdctl and buildkit keep what they are given in docker's configuration, where each of them, skopeo, crane and many more
    // find it.
    private static readonly string[] Sharing = ["docker", "containerd-client", "buildkit-client"];

    /// <summary>What it is called in sentences.</summary>
    public string KindName => Kind == TokenKind.Access ? "access token" : "refresh token";

    /// <summary>Why a name cannot be given; null when it can.</summary>
    public static string? NameProblem(string name) => name.Length is 0 or > MaxNameLength || name.Any(char.IsControl) || name != name.Trim()
        ? $"a token's name has 1 to {MaxNameLength} characters, no control characters, and no space at its ends"
        : null;

    /// <summary>
    /// Whether a client may use it: the one it was given to, or any if that one shares what it is given. A client that does not say its
    /// name cannot be told apart.
    /// </summary>
    public bool IsFor(string? client) => Client is null || client is null || client == Client || Sharing.Contains(Client);
}
