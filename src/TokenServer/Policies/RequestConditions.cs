using System.Net;

namespace AuthIndex.TokenServer.Policies;

/// <summary>What a rule's <c>when</c> is compared with; null means unknown.</summary>
/// <param name="Address">Where the request comes from.</param>
/// <param name="Service">The service that a token is asked for.</param>
/// <param name="SignedInBy">How the caller signed in.</param>
/// <param name="Now">The time of the request.</param>
/// <param name="UnknownIsMet">Whether a condition on something unknown counts as met. True for tests and questions of administrators, which
/// name only what matters to them; false for requests, where unknown values must never grant access.</param>
internal sealed record RequestConditions(IPAddress? Address, string? Service, string? SignedInBy, DateTimeOffset? Now, bool UnknownIsMet)
{
    /// <summary>Nothing is known, and every condition counts as met.</summary>
    public static RequestConditions Unknown { get; } = new(null, null, null, null, UnknownIsMet: true);
}
