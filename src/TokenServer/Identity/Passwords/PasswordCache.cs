using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>
/// Caches the outcome for a user name and password for a while, right or wrong, so that the many requests of a push cost one verification.
/// Only a keyed hash is kept, never a password. Requests with the same credentials at the same time share one verification. When a source
/// changes, everything is forgotten.
/// </summary>
internal sealed class PasswordCache(TimeSpan rightFor, TimeProvider time, TokenMetrics? metrics = null)
{
    /// <summary>How many outcomes of each kind are kept; the oldest go first.</summary>
    public const int Capacity = 10_000;

    /// <summary>How long a failure is remembered.</summary>
    public static readonly TimeSpan WrongFor = TimeSpan.FromSeconds(30);

    private readonly KeyedHash hash = new();
    private readonly Lock gate = new();
    private readonly Dictionary<Question, Flight> flights = [];

    // Separate, so that guesses cannot evict successful sign-ins.
    private readonly TtlMap<UInt256, SignInOutcome> right = new(Capacity, rightFor, time);
    private readonly TtlMap<UInt256, SignInOutcome> wrong = new(Capacity, WrongFor, time);

    // Which credentials were right lately, under whatever version of the sources: not what came of them.
    private readonly TtlMap<UInt256, SignInOutcome> wereRight = new(Capacity, rightFor, time);
    private long version = -1;

    /// <summary>Checks a password at the sources, when the cache cannot answer.</summary>
    internal delegate Task<SignInOutcome> Ask(string user, string password, CancellationToken cancellationToken);

    /// <summary>How many outcomes are remembered, expired ones not yet swept among them.</summary>
    public int Count
    {
        get
        {
            lock (gate) return right.Count + wrong.Count;
        }
    }

    /// <summary>The key under which credentials are remembered: a keyed hash.</summary>
    public UInt256 KeyOf(string user, string password) => hash.Of(user, password);

    /// <summary>The remembered outcome, or null.</summary>
    /// <param name="credentials">The credentials' key.</param>
    /// <param name="sourcesVersion">The state of the sources; a change clears the cache.</param>
    public SignInOutcome? Find(UInt256 credentials, long sourcesVersion)
    {
        lock (gate) return Known(credentials, sourcesVersion);
    }

    /// <summary>
    /// Whether credentials were right lately and have not been wrong since, though a source may have changed: they are worth being
    /// checked.
    /// </summary>
    public bool WasRight(UInt256 credentials)
    {
        lock (gate) return wereRight.Find(credentials) is not null;
    }

    /// <summary>The remembered outcome, or that of asking.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="sourcesVersion">The state of the sources; a change clears the cache.</param>
    /// <param name="ask">Finds out.</param>
    /// <param name="cancellationToken">Ends this caller's waiting; the asking ends when nobody waits any more.</param>
    public ValueTask<SignInOutcome> GetAsync(
        string user, string password, long sourcesVersion, Ask ask, CancellationToken cancellationToken)
    {
        if (TryRecall(KeyOf(user, password), sourcesVersion, null, out var known, out var inquiry)) return new(known);
        if (inquiry.IsFirst) _ = SettleAsync(inquiry, AskAsync(ask, user, password, inquiry.Abandoned));
        return WaitAsync(inquiry, cancellationToken);
    }

    // So that nothing is thrown at the first, which those who wait would not hear of.
    private static async Task<SignInOutcome> AskAsync(Ask ask, string user, string password, CancellationToken cancellationToken) =>
        await ask(user, password, cancellationToken);

    /// <summary>The remembered outcome; otherwise a shared verification to wait for, which its first caller must run.</summary>
    /// <param name="credentials">The credentials' key.</param>
    /// <param name="sourcesVersion">The state of the sources; a change clears the cache.</param>
    /// <param name="attempt">Takes a try before a new verification starts; null takes none.</param>
    /// <param name="outcome">The remembered outcome, or the limit that forbids asking.</param>
    /// <param name="inquiry">For <see cref="SettleAsync"/> where it is the first, then for <see cref="WaitAsync"/>.</param>
    public bool TryRecall(
        UInt256 credentials,
        long sourcesVersion,
        SignInLimits.SignInAttempt? attempt,
        [NotNullWhen(true)] out SignInOutcome? outcome,
        [NotNullWhen(false)] out Inquiry? inquiry)
    {
        var question = new Question(credentials, sourcesVersion);
        lock (gate)
        {
            inquiry = null;
            outcome = Known(credentials, sourcesVersion);
            if (outcome is not null)
            {
                metrics?.PasswordShown(isRemembered: true);
                return true;
            }

            if (!flights.TryGetValue(question, out var flight))
            {
                outcome = attempt?.Take();
                if (outcome is not null) return true;
                flights[question] = flight = new Flight();
                inquiry = new Inquiry(question, flight, IsFirst: true);
            }

            flight.Waiting++;
            inquiry ??= new Inquiry(question, flight, IsFirst: false);
        }

        metrics?.PasswordShown(isRemembered: !inquiry.IsFirst);
        return false;
    }

    /// <summary>Gives the sources' answer to all waiting callers and caches it.</summary>
    /// <param name="inquiry">The first of those who wait.</param>
    /// <param name="asking">What the sources say.</param>
    public async Task SettleAsync(Inquiry inquiry, Task<SignInOutcome> asking)
    {
        var (question, flight, _) = inquiry;
        try
        {
            var outcome = await asking;
            lock (gate)
            {
                Land(question, flight);
                if (outcome is SignInOutcome.SignedIn) wereRight.Set(question.Credentials, outcome);
                else if (IsVerdict(outcome)) wereRight.Remove(question.Credentials);
                if (question.Version == version) Remember(question.Credentials, outcome);
            }

            flight.Outcome.TrySetResult(outcome);
        }
        catch (Exception e)
        {
            // Handed to everybody who waits, who cannot be reached by a throw.
            lock (gate) Land(question, flight);
            if (e is OperationCanceledException) flight.Outcome.TrySetCanceled();
            else flight.Outcome.TrySetException(e);
        }
    }

    /// <summary>Waits for what the sources say.</summary>
    /// <param name="inquiry">The place among those who wait.</param>
    /// <param name="cancellationToken">Ends this caller's waiting; the asking ends when nobody waits any more.</param>
    public async ValueTask<SignInOutcome> WaitAsync(Inquiry inquiry, CancellationToken cancellationToken)
    {
        var (question, flight, _) = inquiry;
        try
        {
            return await flight.Outcome.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            bool isAbandoned;
            lock (gate)
            {
                isAbandoned = --flight.Waiting == 0 && !flight.Outcome.Task.IsCompleted;
                if (isAbandoned) Land(question, flight);
            }

            if (isAbandoned) await flight.Cancellation.CancelAsync();
        }
    }

    /// <summary>Forgets the sign-ins of an account: its source no longer accepts it.</summary>
    public void Forget(string account)
    {
        lock (gate)
        {
            right.RemoveWhere(o => IsOf(o, account));
            wereRight.RemoveWhere(o => IsOf(o, account));
        }
    }

    private SignInOutcome? Known(UInt256 credentials, long sourcesVersion)
    {
        // Versions only grow; a caller that looked before the change must not bring the old state back.
        if (sourcesVersion > version)
        {
            version = sourcesVersion;
            right.Clear();
            wrong.Clear();
        }

        return sourcesVersion == version ? right.Find(credentials) ?? wrong.Find(credentials) : null;
    }

    private void Land(Question question, Flight flight)
    {
        if (flights.TryGetValue(question, out var current) && current == flight) flights.Remove(question);
    }

    private void Remember(UInt256 credentials, SignInOutcome outcome)
    {
        if (outcome is SignInOutcome.SignedIn who) right.Set(credentials, outcome, who.RememberFor);
        else if (IsVerdict(outcome)) wrong.Set(credentials, outcome);
    }

    // Whether the credentials were looked at.
    private static bool IsVerdict(SignInOutcome outcome) => outcome is not (SignInOutcome.Unavailable or SignInOutcome.Limited);

    private static bool IsOf(SignInOutcome outcome, string account) =>
        outcome is SignInOutcome.SignedIn who && who.Account.Equals(account, StringComparison.OrdinalIgnoreCase);

    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Question(UInt256 Credentials, long Version);

    /// <summary>One caller among those who wait for a verification.</summary>
    /// <param name="Question">What is verified.</param>
    /// <param name="Flight">The verification.</param>
    /// <param name="IsFirst">Whether this caller is to ask the sources.</param>
    internal sealed record Inquiry(Question Question, Flight Flight, bool IsFirst)
    {
        /// <summary>Ends when nobody waits any more.</summary>
        public CancellationToken Abandoned => Flight.Cancellation.Token;
    }

    /// <summary>One verification that is under way, and those who wait for it.</summary>
    internal sealed class Flight
    {
        public TaskCompletionSource<SignInOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenSource Cancellation { get; } = new();

        public int Waiting { get; set; }
    }
}
