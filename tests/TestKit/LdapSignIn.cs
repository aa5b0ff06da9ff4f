using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TestKit;

/// <summary>The sign-in of the token server over directories of a test, with a clock of the test's own.</summary>
internal sealed class LdapSignIn : IDisposable
{
    private readonly LdapSource[] sources;
    private readonly IdentityChain chain;
    private readonly PasswordSignIn passwords;
    private HeldAccounts? held;

    public LdapSignIn(params LdapDirectoryOptions[] directories)
        : this([], directories)
    {
    }

    public LdapSignIn(IIdentitySource[] before, params LdapDirectoryOptions[] directories)
    {
        sources = [
            .. DirectorySettings.Read(directories)
                .Select(s => new LdapSource(s, new ProtocolsConnector(s.Options.CaFile), Clock, Log.For<LdapSource>(), held: Held))];
        chain = new IdentityChain([.. before, .. sources]);
        passwords = new PasswordSignIn(
            chain, new PasswordCache(TimeSpan.FromHours(1), Clock), new SuspendedAccounts(),
            new SignInLimits(new SignInLimitsOptions(), Clock));
    }

    /// <summary>Who was held back.</summary>
    public HeldAccounts Held => held ??= new HeldAccounts(Clock);

    /// <summary>The clock of everything but the connections themselves.</summary>
    public FakeTimeProvider Clock { get; } = new(TimeProvider.System.GetUtcNow());

    /// <summary>What was logged.</summary>
    public LogRecorder Log { get; } = new();

    /// <summary>What is wrong with the first directory.</summary>
    public string? Problem => sources[0].Problem;

    /// <summary>How the first directory is.</summary>
    public DirectoryHealth Health => sources[0].Health;

    public async Task<SignInOutcome> AsAsync(string user, string password, string registry = "") =>
        await passwords.SignInAsync(user, password, null, registry, CancellationToken.None);

    public async Task<SignInOutcome> FindAsync(string account) => await chain.FindAsync(account, CancellationToken.None);

    public async Task ReleaseAsync(string account) => await sources[0].ReleaseAsync(account, CancellationToken.None);

    public void Dispose()
    {
        foreach (var source in sources) source.Dispose();
    }
}
