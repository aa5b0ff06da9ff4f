using System.Globalization;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Audit;

/// <summary>
/// Keeps the audit log in proportion to what happens, not to how often it is repeated. A grant gets a line at once; identical ones
/// within <see cref="AuditOptions.Gather"/> are counted and get one line together. Refusals of anonymous callers, which anybody can
/// cause at no cost, have a budget of lines per address and in all; those beyond it are counted, and the count is written. Every
/// other entry is written as it is: nothing that an account was refused, and no failed sign-in, is left out.
/// </summary>
/// <param name="audit">Where lines go.</param>
/// <param name="options">How long grants are gathered.</param>
/// <param name="loops">Where failures are reported.</param>
internal sealed class AuditSummary(AuditLog audit, AuditOptions options, BackgroundLoops loops) : BackgroundLoop("auditSummary", loops)
{
    /// <summary>Lines a second for refusals of the anonymous callers of one address; ten at once.</summary>
    public const int AnonymousPerAddress = 1;

    /// <summary>Lines a second for refusals of all anonymous callers; fifty at once.</summary>
    public const int AnonymousInAll = 5;

    private const int MaxGathered = 10_000;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<GrantKey, Gathered> gathered = [];
    private readonly UnauthenticatedRate perAddress = new(AnonymousPerAddress, loops.Time);
    private readonly UnauthenticatedRate inAll = new(AnonymousInAll, loops.Time);
    private AuditEntry? lastOmitted;
    private DateTimeOffset omittedSince;
    private long omitted;

    /// <summary>Writes an entry, or counts it with others.</summary>
    /// <returns>False for a refusal that is only counted.</returns>
    public bool Add(AuditEntry entry, System.Net.IPAddress? address)
    {
        if (entry.Outcome == AuditOutcome.Granted)
        {
            if (!IsGathered(entry)) audit.Add(entry);
            return true;
        }

        if (entry.Account.Length == 0
            && entry.SignedInBy is not null
            && (perAddress.Take(address) is not null || inAll.Take(null) is not null))
        {
            Omit(entry);
            return false;
        }

        audit.Add(entry);
        return true;
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        Write(all: true);
    }

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(LookEvery, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken)
    {
        Write(all: false);
        return Task.CompletedTask;
    }

    /// <summary>Whether a grant was combined with an identical one that is already written.</summary>
    private bool IsGathered(AuditEntry entry)
    {
        if (options.Gather == TimeSpan.Zero) return false;
        var key = GrantKey.Of(entry);
        lock (gate)
        {
            if (gathered.TryGetValue(key, out var like))
            {
                like.Count++;
                if (like.Count == 1) like.Since = entry.Time;
                like.Last = entry;
                return true;
            }

            if (gathered.Count < MaxGathered)
            {
                gathered.Add(key, new Gathered { Begun = Clock.GetUtcNow(), Last = entry, Since = entry.Time });
            }

            return false;
        }
    }

    private void Omit(AuditEntry entry)
    {
        lock (gate)
        {
            if (omitted++ == 0) omittedSince = entry.Time;
            lastOmitted = entry;
        }
    }

    private void Write(bool all)
    {
        lock (gate)
        {
            var now = Clock.GetUtcNow();
            foreach (var (key, like) in gathered.Where(g => all || now - g.Value.Begun >= options.Gather).ToList())
            {
                gathered.Remove(key);
                if (like.Count > 0) audit.Add(like.Last with { Count = like.Count, Since = like.Since });
            }

            if (omitted == 0 || !(all || now - omittedSince >= TimeSpan.FromMinutes(1))) return;
            var reason = string.Create(
                CultureInfo.InvariantCulture,
                $"{omitted} refused anonymous requests were not logged separately; this is the last of them");
            audit.Add(lastOmitted! with { Count = omitted, Since = omittedSince, Reason = reason });
            (omitted, lastOmitted) = (0, null);
        }
    }

    private sealed class Gathered
    {
        public required DateTimeOffset Begun { get; init; }

        public required AuditEntry Last { get; set; }

        public required DateTimeOffset Since { get; set; }

        /// <summary>How many there were beside the one that has a line.</summary>
        public long Count { get; set; }
    }

    /// <summary>What makes two grants equal for a reader of the log.</summary>
    private readonly record struct GrantKey(
        string Account, string? SignedInBy, string? Grant, string? Address, string? Service, string? Policy, string Groups, string Asked,
        string Granted, string AllowedBy)
    {
        public static GrantKey Of(AuditEntry e) => new(
            e.Account, e.SignedInBy, e.Grant, e.Address, e.Service, e.Policy, string.Join('\n', e.Groups), string.Join('\n', e.Asked),
            string.Join('\n', e.Granted), string.Join('\n', e.AllowedBy));
    }
}
