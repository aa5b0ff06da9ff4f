using System.Net;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Replay;

/// <summary>
/// Replays the requests in the audit log against two policies and keeps the differences: one counted change per request, so that memory
/// grows with the differences and not with the log.
/// </summary>
/// <param name="before">The old policy.</param>
/// <param name="after">The new policy.</param>
/// <param name="now">The time as of which the requests are evaluated.</param>
internal sealed class DecisionReplay(Policy before, Policy after, DateTimeOffset now)
{
    /// <summary>The most questions kept; further ones are only counted.</summary>
    public const int MaxChanges = 10_000;

    private readonly Dictionary<Question, Tally> changes = [];

    /// <summary>How many recorded decisions were asked again.</summary>
    public long Decisions { get; private set; }

    /// <summary>How many of them come out differently.</summary>
    public long Changed { get; private set; }

    /// <summary>How many changes of a single scope belong to none of the questions kept.</summary>
    public long NotKept { get; private set; }

    /// <summary>The time as of which the requests are evaluated.</summary>
    public DateTimeOffset Now => now;

    /// <summary>The changes, the most frequent first.</summary>
    public IReadOnlyList<DecisionChange> Changes =>
    [
        .. from change in changes
           let question = change.Key
           orderby change.Value.Count descending, question.Account, question.Resource, question.Gained.ToString(), question.Lost.ToString()
           select new DecisionChange(
               question.Account, question.Resource, question.Gained, question.Lost, change.Value.Count, change.Value.Samples),
    ];

    /// <summary>Replays one entry. Entries of failed sign-ins are skipped, because they involved no policy.</summary>
    /// <returns>Null, or why the entry cannot be replayed.</returns>
    public string? Add(AuditEntry entry)
    {
        if (entry.Outcome is AuditOutcome.SignInFailed or AuditOutcome.Unavailable) return null;
        if (entry.SignedInBy is null || entry.Service is null) return "it does not say how the caller signed in, or for which service";
        IPAddress? address = null;
        if (entry.Address is not null && !IPAddress.TryParse(entry.Address, out address)) return $"'{entry.Address}' is not an address";
        if (!ScopeSet.TryParse(entry.Asked, out var asked, out var problem)) return problem;

        var caller = new Caller(entry.Account, entry.Groups, address, entry.Service, entry.SignedInBy, entry.SignedInBy is SignIn.Ldap);
        var differs = false;
        foreach (var scope in asked)
        {
            var had = before.Decide(caller, scope, now).Granted.Actions;
            var has = after.Decide(caller, scope, now).Granted.Actions;
            if (had == has) continue;
            differs = true;
            Count(new Question(entry.Account, $"{scope.Type}:{scope.Name}", has.Except(had), had.Except(has)), entry);
        }

        Decisions += entry.Count;
        if (differs) Changed += entry.Count;
        return null;
    }

    private void Count(Question question, AuditEntry entry)
    {
        if (!changes.TryGetValue(question, out var tally))
        {
            if (changes.Count == MaxChanges)
            {
                NotKept += entry.Count;
                return;
            }

            changes.Add(question, tally = new Tally());
        }

        tally.Add(entry);
    }

    private sealed record Question(string Account, string Resource, ActionSet Gained, ActionSet Lost);

    private sealed class Tally
    {
        private const int MaxSamples = 3;

        private readonly List<DecisionSample> samples = [];

        public long Count { get; private set; }

        public IReadOnlyList<DecisionSample> Samples => samples;

        public void Add(AuditEntry entry)
        {
            Count += entry.Count;
            var sample = new DecisionSample(entry.Decision, entry.Time, entry.Address);
            if (samples.Count < MaxSamples) samples.Add(sample);
            else if (samples.MinBy(s => s.Time) is { } oldest && oldest.Time < sample.Time) samples[samples.IndexOf(oldest)] = sample;
        }
    }
}

/// <summary>What one account would get differently on one resource, and how often that was asked.</summary>
/// <param name="Account">The account; "" for anonymous callers.</param>
/// <param name="Resource">The resource, as <c>type:name</c>.</param>
/// <param name="Gained">The actions asked for that only the new policy grants.</param>
/// <param name="Lost">The actions asked for that only the old policy grants.</param>
/// <param name="Count">How often it was asked.</param>
/// <param name="Samples">Some of the decisions, the latest.</param>
internal sealed record DecisionChange(
    string Account, string Resource, ActionSet Gained, ActionSet Lost, long Count, IReadOnlyList<DecisionSample> Samples);

/// <summary>A recorded decision that would come out differently.</summary>
internal sealed record DecisionSample(string Decision, DateTimeOffset Time, string? Address);
