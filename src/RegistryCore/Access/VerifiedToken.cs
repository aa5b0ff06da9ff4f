using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Access;

/// <summary>What a token says whose signature, issuer, audience and times were found right; not its text, since it is remembered.</summary>
/// <param name="Subject">The account; empty for an anonymous caller.</param>
/// <param name="Access">What it grants.</param>
/// <param name="Refusals">Why it does not grant what was asked besides.</param>
/// <param name="NotBefore">When it begins to be valid.</param>
/// <param name="Expires">When it ends to be valid.</param>
internal sealed record VerifiedToken(
    string Subject,
    IReadOnlyList<Scope> Access,
    IReadOnlyList<Refusal> Refusals,
    DateTimeOffset NotBefore,
    DateTimeOffset Expires)
{
    /// <summary>That of nobody, for operations that need none: it grants nothing.</summary>
    public static VerifiedToken None { get; } = new("", [], [], DateTimeOffset.MinValue, DateTimeOffset.MaxValue);

    /// <summary>The <c>jti</c>; null when the issuer gave it none.</summary>
    public string? Id { get; init; }

    /// <summary>The grant by which it was asked for (<see cref="TokenProfile.Grant"/>); null when it was a password.</summary>
    public string? Grant { get; init; }

    /// <summary>The <c>iat</c>, in Unix seconds; 0, and so before every revocation, when the token does not say.</summary>
    public long IssuedAt { get; init; }

    /// <summary>Whether the token server looks with it at what is here (<see cref="TokenProfile.View"/>): that is not a pull.</summary>
    public bool IsView { get; init; }

    /// <summary>Whether the token grants every action of the scope.</summary>
    public bool Grants(Scope required) => Access.ActionsOn(required.Type, required.Name).Covers(required.Actions);
}

/// <summary>What became of a token.</summary>
internal abstract record TokenOutcome
{
    /// <summary>The token is accepted: its signature, issuer, audience and times are right.</summary>
    internal sealed record Valid(VerifiedToken Token) : TokenOutcome;

    /// <summary>It is not, for a reason that may be told to whoever sent it.</summary>
    internal sealed record Invalid(string Reason) : TokenOutcome;

    /// <summary>It cannot be judged now, for a reason that may be told to whoever sent it.</summary>
    internal sealed record Unjudged(string Reason) : TokenOutcome;

    private TokenOutcome()
    {
    }
}
