using System.Runtime.InteropServices;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>
/// Remembers for a while what came of a user name and password, so that a push of many requests pays for one verification,
/// right or wrong. Only a keyed hash is kept, never a password. Requests with the same credentials at the same time share one
/// verification. When a source changes, everything is forgotten.
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

    // Apart, so that guesses cannot push out those who signed in.
    private readonly TtlMap<UInt256, SignInOutcome> right = new(Capacity, rightFor, time);
    private readonly TtlMap<UInt256, SignInOutcome> wrong = new(Capacity, WrongFor, time);

    // Which credentials were right lately, under whatever version of the sources: not what came of them.
    private readonly TtlMap<UInt256, SignInOutcome> wereRight = new(Capacity, rightFor, time);
    private long version = -1;

    /// <summary>Asks one question of whoever knows.</summary>
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
    /// <param name="sourcesVersion">The state of the sources; another than last time forgets everything.</param>
    public SignInOutcome? Find(UInt256 credentials, long sourcesVersion)
    {
        lock (gate) return Known(credentials, sourcesVersion);
    }

    /// <summary>Whether credentials were right lately and have not been wrong since, though a source may have changed: they are worth being checked.</summary>
    public bool WasRight(UInt256 credentials)
    {
        lock (gate) return wereRight.Find(credentials) is not null;
    }

    /// <summary>The remembered outcome, or that of asking.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="sourcesVersion">The state of the sources; another than last time forgets everything.</param>
    /// <param name="ask">Finds out.</param>
    /// <param name="cancellationToken">Ends this caller's waiting; the asking ends when nobody waits any more.</param>
    /// <param name="bar">Asked before anything is asked that nobody is asking already: what stands against it, or null.</param>
    public ValueTask<SignInOutcome> GetAsync(string user, string password, long sourcesVersion, Ask ask, CancellationToken cancellationToken, Func<SignInOutcome?>? bar = null)
    {
        var question = new Question(KeyOf(user, password), sourcesVersion);
        Flight flight;
        bool isFirst;
        lock (gate)
        {
            if (Known(question.Credentials, sourcesVersion) is { } known)
            {
                metrics?.PasswordShown(isRemembered: true);
                return new(known);
            }

            isFirst = !flights.TryGetValue(question, out flight!);
            if (isFirst)
            {
                if (bar?.Invoke() is { } obstacle) return new(obstacle);
                flights[question] = flight = new Flight();
            }

            flight.Waiting++;
        }

        metrics?.PasswordShown(isRemembered: !isFirst);
        if (isFirst) _ = FlyAsync(question, flight, ask, user, password);
        return WaitAsync(question, flight, cancellationToken);
    }

    /// <summary>Forgets the sign-ins of an account: its source does not let it in any more.</summary>
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

    private async Task FlyAsync(Question question, Flight flight, Ask ask, string user, string password)
    {
        try
        {
            var outcome = await ask(user, password, flight.Cancellation.Token);
            lock (gate)
            {
                Land(question, flight);
                if (outcome is SignInOutcome.SignedIn) wereRight.Set(question.Credentials, outcome);
                else if (outcome is not SignInOutcome.Unavailable) wereRight.Remove(question.Credentials);
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

    private async ValueTask<SignInOutcome> WaitAsync(Question question, Flight flight, CancellationToken cancellationToken)
    {
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

    private void Land(Question question, Flight flight)
    {
        if (flights.TryGetValue(question, out var current) && current == flight) flights.Remove(question);
    }

    private void Remember(UInt256 credentials, SignInOutcome outcome)
    {
        if (outcome is SignInOutcome.SignedIn who) right.Set(credentials, outcome, who.RememberFor);
        else if (outcome is not SignInOutcome.Unavailable) wrong.Set(credentials, outcome);
    }

    private static bool IsOf(SignInOutcome outcome, string account) => outcome is SignInOutcome.SignedIn who && who.Account.Equals(account, StringComparison.OrdinalIgnoreCase);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Question(UInt256 Credentials, long Version);

    /// <summary>One verification that is under way, and those who wait for it.</summary>
    private sealed class Flight
    {
        public TaskCompletionSource<SignInOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenSource Cancellation { get; } = new();

        public int Waiting { get; set; }
    }
}
