using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Access;

/// <summary>A token whose signature, issuer, audience and times were found right.</summary>
/// <param name="Raw">The token as the client sent it.</param>
/// <param name="Subject">The account; empty for an anonymous caller.</param>
/// <param name="Access">What it grants.</param>
/// <param name="Refusals">Why it does not grant what was asked besides.</param>
/// <param name="NotBefore">When it begins to be valid.</param>
/// <param name="Expires">When it ends to be valid.</param>
internal sealed record VerifiedToken(
    string Raw,
    string Subject,
    IReadOnlyList<Scope> Access,
    IReadOnlyList<Refusal> Refusals,
    DateTimeOffset NotBefore,
    DateTimeOffset Expires)
{
    /// <summary>Whether the token grants every action of the scope.</summary>
    public bool Grants(Scope required) => Access.ActionsOn(required.Type, required.Name).Covers(required.Actions);
}

/// <summary>What became of a token.</summary>
internal abstract record TokenOutcome
{
    /// <summary>It is good.</summary>
    internal sealed record Valid(VerifiedToken Token) : TokenOutcome;

    /// <summary>It is not, for a reason that may be told to whoever sent it.</summary>
    internal sealed record Invalid(string Reason) : TokenOutcome;

    /// <summary>It cannot be judged now: no key of the token server was ever received.</summary>
    internal sealed record NoKeys : TokenOutcome;

    private TokenOutcome()
    {
    }
}
