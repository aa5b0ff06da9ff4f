using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>Accounts from one directory. Everything that waits for the directory runs on the directory's own threads.</summary>
internal sealed class LdapSource : IPasswordSource, IDisposable
{
    private const int RememberedAccounts = 10_000;

    // A longer time would keep deleted accounts alive on refresh; without it, each page of a catalog would cost a search.
    private static readonly TimeSpan FoundFor = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BusyFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan GraceFor = TimeSpan.FromSeconds(10);

    private readonly DirectorySettings settings;
    private readonly LdapDirectory directory;
    private readonly ServerGroup servers;
    // LDAP is spoken synchronously here: a directory that is slow holds these threads, and no others.
    private readonly BoundedThreads<DirectorySession> threads;
    private readonly VerifiedCredentials verified;
    private readonly TtlMap<string, SignInOutcome.SignedIn> found;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly TokenMetrics? metrics;
    private long outageSignIns;

    public LdapSource(
        DirectorySettings settings, IDirectoryConnector connector, TimeProvider time, ILogger<LdapSource> log, TokenMetrics? metrics = null,
        HeldAccounts? held = null, ISharedFailures? shared = null)
    {
        (this.settings, this.time, this.log, this.metrics) = (settings, time, log, metrics);
        verified = new VerifiedCredentials(time);
        var kept = settings.Options.OutageGrace > settings.Options.RememberFor
            ? settings.Options.OutageGrace
            : settings.Options.RememberFor;
        found = new TtlMap<string, SignInOutcome.SignedIn>(RememberedAccounts, kept, time);
        directory = new LdapDirectory(settings, verified, time, log, held, shared);
        servers = new ServerGroup(settings, time, log);
        threads = new BoundedThreads<DirectorySession>(
            $"ldap {settings.Name}", settings.Options.Connections, settings.Options.QueueLength,
            () => new DirectorySession(settings, servers, connector, time, log));
    }

    /// <inheritdoc/>
    public string Name => Policies.Subjects.SignIn.Ldap;

    /// <inheritdoc/>
    public string Title => $"{Name}:{DirectoryName}";

    /// <summary>The directory's name in the configuration.</summary>
    public string DirectoryName => settings.Name;

    /// <summary>Whether accounts bind at once, so that the directory can be asked for none without its password.</summary>
    public bool BindsDirectly => settings.BindsDirectly;

    /// <summary>The state of the directory.</summary>
    public DirectoryHealth Health => servers.Health;

    /// <summary>What is wrong with it, without internal names; null when nothing is.</summary>
    public string? Problem => servers.Problem;

    /// <summary>How many of its servers do not answer.</summary>
    public int FailedServers => servers.Servers.Count(s => s.Failure is not null);

    /// <summary>How many connections there may be.</summary>
    public int Connections => threads.Count;

    /// <summary>How many of them are at work.</summary>
    public int Busy => threads.Busy;

    /// <summary>How many questions wait for one.</summary>
    public int Waiting => threads.Waiting;

    /// <summary>How many sign-ins were accepted during an outage from remembered credentials.</summary>
    public long OutageSignIns => Interlocked.Read(ref outageSignIns);

    /// <summary>Always the same: what changes in a directory is seen when what is remembered of it has run out.</summary>
    public long Version => 0;

    private string OnlyByPassword => $"the directory {settings.Name} can look up an account only with its password (userDnTemplate)";

    /// <inheritdoc/>
    public async ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
    {
        var isPassedOn = by.Registry.Length > 0;
        var outcome = await AskAsync(
            by, (session, deadline) => directory.SignIn(session, deadline, user, password, isPassedOn), cancellationToken);
        if (outcome is SignInOutcome.SignedIn who)
        {
            outcome = who = who with { IsFoundByPasswordOnly = settings.BindsDirectly };
            verified.Add(user, password, who);
            found.Set(who.Account, who);
        }

        return outcome is SignInOutcome.Unavailable ? Grace(user, password) ?? outcome : outcome;
    }

    /// <inheritdoc/>
    public ValueTask<SignInOutcome> RefuseUnknownAsync(
        Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken) =>
        AskAsync(
            by, (session, deadline) => wasAsked
            ? directory.RefuseUnknown(session, deadline, user)
            : directory.PretendToAsk(session, deadline, user), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        var known = found.Find(account, out var age);
        if (settings.BindsDirectly)
        {
            return (age < settings.Options.RememberFor ? known : null)
                ?? (SignInOutcome)new SignInOutcome.Refused($"{OnlyByPassword}, and that was too long ago");
        }

        if (known is not null && age < FoundFor) return known;

        var outcome = await AskAsync(
            new Requester(ClientNetwork.Unknown, account), (session, deadline) => directory.Find(session, deadline, account),
            cancellationToken);
        if (outcome is SignInOutcome.SignedIn who) found.Set(account, who);
        if (outcome is SignInOutcome.Refused or SignInOutcome.UnknownAccount)
        {
            found.Remove(account);
            verified.RemoveAll(account);
        }

        return outcome is SignInOutcome.Unavailable && known is not null && age < settings.Options.OutageGrace
            ? Restricted(known, age)
            : outcome;
    }

    /// <inheritdoc/>
    public async ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken)
    {
        // Such a directory is the last of its chain, so no other one's accounts are ever held against it.
        if (settings.BindsDirectly)
        {
            return new NamesFound([], new SignInOutcome.Unavailable(settings.Options.Timeouts.Retry, OnlyByPassword));
        }

        IReadOnlyList<string> names = [];
        var outcome = await AskAsync(
            new Requester(ClientNetwork.Unknown, name),
            (session, deadline) =>
            {
                names = directory.Names(session, deadline, name, asTyped);
                return new SignInOutcome.UnknownAccount();
            },
            cancellationToken);
        return outcome is SignInOutcome.Unavailable outage ? new NamesFound([], outage) : new NamesFound(names);
    }

    /// <summary>Forgets the wrong passwords of an account that were passed on: an administrator has unlocked it.</summary>
    /// <param name="account">The account's name, or what is typed for it.</param>
    /// <param name="cancellationToken">Ends the waiting for the directory, which is asked for the entry.</param>
    public async Task ReleaseAsync(string account, CancellationToken cancellationToken) =>
        await AskAsync(
            new Requester(ClientNetwork.Unknown, account),
            (session, deadline) =>
            {
                directory.Release(session, deadline, account);
                return new SignInOutcome.UnknownAccount();
            },
            cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => threads.Dispose();

    private async ValueTask<SignInOutcome> AskAsync(
        Requester by, Func<DirectorySession, Deadline, SignInOutcome> ask, CancellationToken cancellationToken)
    {
        using var span = TokenTraces.Source.StartActivity("ask directory");
        span?.SetTag("authindex.directory", DirectoryName);
        var started = time.GetTimestamp();
        var outcome = await AskInTurnAsync(by, ask, cancellationToken);
        metrics?.DirectoryAsked(DirectoryName, outcome.Word, time.GetElapsedTime(started));
        return outcome;
    }

    private async ValueTask<SignInOutcome> AskInTurnAsync(
        Requester by, Func<DirectorySession, Deadline, SignInOutcome> ask, CancellationToken cancellationToken)
    {
        // A directory known to be down is not even queued for.
        if (servers.Servers.All(s => s.Remaining > TimeSpan.Zero)) return Unavailable(servers.Unavailable(null));
        var deadline = new Deadline(settings.Options.Timeouts.SignIn, time);
        var (came, outcome) = await threads.RunAsync(by, session => Answer(session, deadline, ask), cancellationToken);
        return came
            ? outcome
            : new SignInOutcome.Unavailable(BusyFor, $"directory {settings.Name}: too many sign-ins are waiting");
    }

    private SignInOutcome Answer(DirectorySession session, Deadline deadline, Func<DirectorySession, Deadline, SignInOutcome> ask)
    {
        try
        {
            return ask(session, deadline);
        }
        catch (DirectoryUnavailableException e)
        {
            return Unavailable(e);
        }
        catch (SearchRefusedException e)
        {
            return new SignInOutcome.Unavailable(settings.Options.Timeouts.Retry, $"directory {settings.Name}: {e.Message}");
        }
    }

    private SignInOutcome.Unavailable Unavailable(DirectoryUnavailableException outage) =>
        new(outage.RetryAfter, $"directory {settings.Name}: {outage.Message}");

    /// <summary>During an outage, the last good outcome of the same credentials, for pulling only.</summary>
    private SignInOutcome.SignedIn? Grace(string user, string password)
    {
        if (settings.Options.OutageGrace == TimeSpan.Zero
            || verified.Find(user, password, out var age) is not { } who
            || age >= settings.Options.OutageGrace)
        {
            return null;
        }

        return Restricted(who, age);
    }

    private SignInOutcome.SignedIn Restricted(SignInOutcome.SignedIn who, TimeSpan age)
    {
        Interlocked.Increment(ref outageSignIns);
        LdapLog.Grace(log, settings.Name, Hosting.LogText.Clean(who.Account), age);
        return who with { RememberFor = GraceFor,
            PullOnly = $"the directory {settings.Name} does not answer; until it does, recently signed-in accounts can only pull" };
    }
}
