namespace AuthIndex.TokenContract.Wire;

/// <summary>The kinds of revocation, as the wire names them. A reader ignores a kind that it does not know.</summary>
public static class RevocationKinds
{
    /// <summary>Every token whose <c>sub</c> is the account.</summary>
    public const string Account = "account";

    /// <summary>Every token issued under the grant (<see cref="TokenProfile.Grant"/>).</summary>
    public const string Grant = "grant";

    /// <summary>One token, by its <c>jti</c>.</summary>
    public const string Token = "token";
}

/// <summary>Tokens that are void before they expire.</summary>
/// <param name="Sequence">Its number: later ones are greater.</param>
/// <param name="Kind">One of <see cref="RevocationKinds"/>.</param>
/// <param name="Value">The account's name, the grant's id, or the token's <c>jti</c>.</param>
/// <param name="IssuedBefore">Tokens whose <c>iat</c> is this or less are void; Unix seconds.</param>
/// <param name="Expires">The time from which no such token is alive any more; Unix seconds.</param>
public sealed record RevocationEntry(long Sequence, string Kind, string Value, long IssuedBefore, long Expires);

/// <summary>
/// The answer at <see cref="ServerPaths.Revocations"/>. Members that the answer lacks are null: it may come from another version.
/// </summary>
/// <param name="Epoch">The id of the list.</param>
/// <param name="Sequence">The number to continue reading after.</param>
/// <param name="Revocations">The revocations after the number that was asked for.</param>
/// <param name="More">Whether there are more already.</param>
public sealed record RevocationFeed(string? Epoch, long? Sequence, IReadOnlyList<RevocationEntry>? Revocations, bool More);

/// <summary>The query of a GET at <see cref="ServerPaths.Revocations"/>.</summary>
/// <param name="After">The number of the last revocation that the caller knows; 0 for none.</param>
/// <param name="Epoch">The id of the list that the number belongs to; empty for none.</param>
/// <param name="WaitSeconds">How long the answer may be held back while there is nothing new.</param>
public sealed record RevocationQuery(long After, string Epoch, int WaitSeconds)
{
    /// <summary>The name of the query parameter for <see cref="After"/>.</summary>
    public const string AfterParameter = "after";

    /// <summary>The name of the query parameter for <see cref="Epoch"/>.</summary>
    public const string EpochParameter = "epoch";

    /// <summary>The name of the query parameter for <see cref="WaitSeconds"/>.</summary>
    public const string WaitParameter = "wait";

    /// <summary>The path with the query.</summary>
    public override string ToString() =>
        $"{ServerPaths.Revocations}?{AfterParameter}={After}&{EpochParameter}={Uri.EscapeDataString(Epoch)}&{WaitParameter}={WaitSeconds}";
}
