namespace AuthIndex.TokenServer.Audit;

/// <summary>How a request for a token ended.</summary>
internal enum AuditOutcome
{
    /// <summary>Everything asked for was granted, or nothing was asked for.</summary>
    Granted,

    /// <summary>A part of what was asked for was granted.</summary>
    Partly,

    /// <summary>Nothing of what was asked for was granted.</summary>
    Refused,

    /// <summary>The credentials were wrong.</summary>
    SignInFailed,

    /// <summary>The credentials could not be checked.</summary>
    Unavailable,

    /// <summary>A rate limit applied, so the credentials were not checked.</summary>
    Limited,
}

/// <summary>The words that stand for outcomes in the log.</summary>
internal static class AuditOutcomes
{
    private static readonly string[] Words = ["granted", "partly", "refused", "sign-in-failed", "unavailable", "limited"];

    /// <summary>The word for an outcome in the log.</summary>
    public static string Word(this AuditOutcome outcome) => Words[(int)outcome];

    /// <summary>Reads a word; false for an unknown one.</summary>
    public static bool TryParse(string word, out AuditOutcome outcome)
    {
        var found = Array.IndexOf(Words, word);
        outcome = (AuditOutcome)found;
        return found >= 0;
    }
}
