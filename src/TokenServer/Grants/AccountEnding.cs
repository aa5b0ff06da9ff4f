namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// The end of everything an account was given: its password changed, it was removed, or an administrator revoked its tokens. Its
/// grants end, every registry token it has is void, and a sign-in that began before gets no grant afterwards. All of it is done in
/// one transaction (<see cref="IGrantStore.EndAllAsync"/>).
/// </summary>
internal static class AccountEnding
{
    /// <summary>
    /// With a database of one server, registry tokens issued for so long afterwards are void too: it may remember a password for that
    /// long, because it looks into the database only a few times a second.
    /// </summary>
    public static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(1);

    /// <summary>The time from which a sign-in gets valid registry tokens again.</summary>
    /// <param name="now">When the account's tokens were ended.</param>
    /// <param name="noticedWithin">After which time every server has noticed (<see cref="State.IState.NoticedWithin"/>).</param>
    public static DateTimeOffset OverAt(DateTimeOffset now, TimeSpan noticedWithin) =>
        DateTimeOffset.FromUnixTimeSeconds((now + noticedWithin).ToUnixTimeSeconds() + 1);
}
