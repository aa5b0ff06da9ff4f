using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// Recently verified credentials, as keyed hashes, with their outcomes. They never prove an identity: they decide which password is worth a
/// bind while others are being guessed, and who may keep pulling during an outage.
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

    /// <summary>The directory has just accepted them.</summary>
    public void Add(string user, string password, SignInOutcome.SignedIn outcome) => verified.Set(hash.Of(user, password), outcome);

    /// <summary>The directory no longer accepts them.</summary>
    public void Remove(string user, string password) => verified.Remove(hash.Of(user, password));

    /// <summary>The directory no longer accepts the account, whatever the password.</summary>
    public void RemoveAll(string account) => verified.RemoveWhere(who => who.Account.Equals(account, StringComparison.OrdinalIgnoreCase));
}
