using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>
/// A code of the portal for one <c>docker login</c>, as the server keeps it: everything but the secret. It is remembered for a while after
/// its end, so that a client is told why it is refused.
/// </summary>
/// <param name="Account">The account's canonical name.</param>
/// <param name="Origin">Which account of that name it is.</param>
/// <param name="Created">When it was made; whole seconds.</param>
/// <param name="Expires">When it expires, used or not.</param>
/// <param name="Used">When it was used; null when it was not.</param>
internal sealed record LoginCode(
    string Account, AccountOrigin Origin, DateTimeOffset Created, DateTimeOffset Expires, DateTimeOffset? Used)
{
    /// <summary>How many codes of an account are kept; beyond that, the oldest ends.</summary>
    public const int MaxPerAccount = 20;

    /// <summary>How long one can be used.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long one is remembered after it expired.</summary>
    public static readonly TimeSpan RememberedFor = TimeSpan.FromDays(1);
}
