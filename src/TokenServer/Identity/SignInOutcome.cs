namespace AuthIndex.TokenServer.Identity;

/// <summary>The outcome of a sign-in. The hierarchy is closed.</summary>
internal abstract record SignInOutcome
{
    private SignInOutcome()
    {
    }

    /// <summary>The account was ended or suspended while the sign-in was under way.</summary>
    public static Refused Overtaken { get; } = new("the account's tokens were revoked during the sign-in")
    {
        Told = "the account's tokens were revoked during the sign-in; sign in again",
    };

    /// <summary>The outcome as a metric label.</summary>
    public string Word => this switch
    {
        SignedIn => "signed-in",
        UnknownAccount => "unknown-account",
        WrongPassword => "wrong-password",
        Refused => "refused",
        Limited => "limited",
        _ => "unavailable",
    };

    /// <summary>The identity is confirmed.</summary>
    /// <param name="Account">The source's own spelling of the account, not what was typed.</param>
    /// <param name="Groups">The groups that the source knows of; local groups are the policy's.</param>
    /// <param name="SignedInBy">The source's name.</param>
    public sealed record SignedIn(string Account, IReadOnlyList<string> Groups, string SignedInBy) : SignInOutcome
    {
        /// <summary>The longest that the source lets this be remembered; null leaves it to whoever remembers.</summary>
        public TimeSpan? RememberFor { get; init; }

        /// <summary>Why nothing but pulling may be granted; null when the policy alone decides.</summary>
        public string? PullOnly { get; init; }

        /// <summary>When tokens that are issued for this must end; null leaves that to their lifetime.</summary>
        public DateTimeOffset? TokensEnd { get; init; }

        /// <summary>
        /// Whether the source compares names without regard to letter case, so that rules and suspensions do so too for this account.
        /// </summary>
        public bool IgnoresCase { get; init; }

        /// <summary>
        /// The key under which the groups are found again for a token issued for this; null where the source can be asked.
        /// </summary>
        public string? SignInId { get; init; }

        /// <summary>
        /// Whether the sign-in had groups that this server does not know, because another one took it or this one was restarted. Rules
        /// that deny groups something then count as denying it to this account, and rules that allow groups something as not allowing it.
        /// </summary>
        public bool AreGroupsUnknown { get; init; }

        /// <summary>
        /// The newest revocation of an account that was known when the credentials were checked (<see
        /// cref="SuspendedAccounts.NewestEnding"/>): nothing is issued for a sign-in that a later revocation overtook.
        /// </summary>
        public long EndingsSeen { get; init; }

        /// <summary>Where the account comes from; null where nothing issued outlives the sign-in.</summary>
        public AccountOrigin? Origin { get; init; }

        /// <summary>
        /// How long after a sign-in with the password a refresh token is good, because later the source cannot tell whether the account
        /// still may sign in; null where it can.
        /// </summary>
        public TimeSpan? RefreshFor { get; init; }

        /// <summary>Whether the source can look up the account only with its password, so that no grant can replace it.</summary>
        public bool IsFoundByPasswordOnly { get; init; }
    }

    /// <summary>The account is unknown to this source, so the next one is asked, or to all of them.</summary>
    public sealed record UnknownAccount : SignInOutcome;

    /// <summary>The account exists and the password is wrong: no other source is asked.</summary>
    public sealed record WrongPassword : SignInOutcome;

    /// <summary>The account may not sign in, or what was typed cannot be a sign-in.</summary>
    /// <param name="Reason">Why; for the log only, since the client could learn from it which accounts exist.</param>
    public sealed record Refused(string Reason) : SignInOutcome
    {
        /// <summary>The text for the client; null to say only that the sign-in failed.</summary>
        public string? Told { get; init; }

        /// <summary>A refusal whose reason the client may see.</summary>
        public static Refused AsTold(string reason) => new(reason) { Told = reason };
    }

    /// <summary>The source cannot answer now.</summary>
    /// <param name="RetryAfter">When it is worth asking again.</param>
    /// <param name="Reason">Why; for the log.</param>
    public sealed record Unavailable(TimeSpan RetryAfter, string Reason) : SignInOutcome;

    /// <summary>Too many sign-ins have failed: the credentials were not looked at.</summary>
    /// <param name="RetryAfter">When they will be.</param>
    /// <param name="Reason">Which limit it is; for the log.</param>
    public sealed record Limited(TimeSpan RetryAfter, string Reason) : SignInOutcome;
}
