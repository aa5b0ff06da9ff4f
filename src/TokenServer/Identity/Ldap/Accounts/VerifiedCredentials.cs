using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// The credentials that the directory found right lately, as keyed hashes, with what came of them. They are never proof by
/// themselves: they say which password is worth a bind while others are being guessed, and who may go on pulling in an outage.
/// </summary>
internal sealed class VerifiedCredentials
{
    private const int Capacity = 10_000;

    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    private readonly KeyedHash hash = new();
    private readonly TtlMap<UInt256, SignInOutcome.SignedIn> verified;

    public VerifiedCredentials(TimeProvider time) => verified = new TtlMap<UInt256, SignInOutcome.SignedIn>(Capacity, Day, time);

    /// <summary>
    /// What came of the same credentials when they were last right, and how long ago that is; null when that is not known.
    /// </summary>
    public SignInOutcome.SignedIn? Find(string user, string password, out TimeSpan age) => verified.Find(hash.Of(user, password), out age);

    /// <summary>The directory found them right just now.</summary>
    public void Add(string user, string password, SignInOutcome.SignedIn outcome) => verified.Set(hash.Of(user, password), outcome);

    /// <summary>The directory does not let them in any more.</summary>
    public void Remove(string user, string password) => verified.Remove(hash.Of(user, password));

    /// <summary>The directory does not let an account in any more, whatever the password.</summary>
    public void RemoveAll(string account) => verified.RemoveWhere(who => who.Account.Equals(account, StringComparison.OrdinalIgnoreCase));
}
