using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>In the database: which accounts a running server holds back, and which of them commands have released.</summary>
internal interface ISignInHoldStore
{
    /// <summary>For how long releases are kept for running servers to notice.</summary>
    static readonly TimeSpan KeepReleases = TimeSpan.FromHours(1);

    /// <summary>Writes down who is held back, in place of what was there.</summary>
    Task<int> WriteAsync(IReadOnlyList<HeldAccount> held);

    /// <summary>Who is held back at this moment, by name.</summary>
    ValueTask<IReadOnlyList<HeldAccount>> ReadAsync();

    /// <summary>Releases accounts: a running server notices within a second.</summary>
    Task<int> ReleaseAsync(IReadOnlyCollection<string> accounts);

    /// <summary>The number of the newest release; 0 when there never was one.</summary>
    ValueTask<long> NewestAsync();

    /// <summary>The accounts released after a number.</summary>
    ValueTask<IReadOnlyList<string>> ReleasedAfterAsync(long number);
}
