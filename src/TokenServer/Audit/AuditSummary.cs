using System.Globalization;
using System.Net;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Audit;

/// <summary>
/// Keeps the audit log in proportion to what happens, not to how often it is repeated. A grant gets a line at once; identical ones
/// within <see cref="AuditOptions.Gather"/> are counted and get one line together. What is refused can be caused at no cost, so it has a
/// budget of lines: anonymous callers and failed sign-ins per address and in all, and every account by itself. What is beyond it is
/// counted, and the count is written. What was granted is never left out.
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

    /// <summary>Lines a minute for refusals of one account; <see cref="AccountBurst"/> at once.</summary>
    public const int PerAccount = 10;

    /// <summary>Refusals of one account that get a line each after a quiet time.</summary>
    public const int AccountBurst = 300;

    /// <summary>Failed sign-ins of one address that get a line each after a quiet time; then one a second.</summary>
    public const int FailedPerAddress = 100;

    /// <summary>Failed sign-ins of all addresses that get a line each after a quiet time; then five a second.</summary>
    public const int FailedInAll = 500;

    private const int MaxGathered = 10_000;
    private const int MaxOmitted = 1000;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<GrantKey, Gathered> gathered = [];
    private readonly Dictionary<(string What, string Account), Gathered> omitted = [];
    private readonly UnauthenticatedRate perAddress = new(AnonymousPerAddress, loops.Time);
    private readonly UnauthenticatedRate inAll = new(AnonymousInAll, loops.Time);
    private readonly RateBudget<string> perAccount = new(TimeSpan.FromMinutes(1) / PerAccount, AccountBurst, "", loops.Time);
    private readonly RateBudget<ClientNetwork> failedPerAddress = new(
        TimeSpan.FromSeconds(1), FailedPerAddress, ClientNetwork.Unknown, loops.Time);
    private readonly RateBudget<string> failedInAll = new(TimeSpan.FromSeconds(1) / 5, FailedInAll, "", loops.Time);

    /// <summary>Writes an entry, or counts it with others.</summary>
    /// <returns>False for a refusal that is only counted.</returns>
    public bool Add(AuditEntry entry, IPAddress? address)
    {
        if (entry.Outcome == AuditOutcome.Granted)
        {
            if (!IsGathered(entry)) audit.Add(entry);
            return true;
        }

        var isAnonymous = entry.Account.Length == 0;
        if (entry.SignedInBy is null)
        {
            // Everybody on this machine is no address, as for every other limit.
            var isOneClient = address is null || !IPAddress.IsLoopback(address);
            if ((isOneClient && failedPerAddress.Take(ClientNetwork.Of(address)) is not null) || failedInAll.Take("") is not null)
            {
                return Omit("failed sign-ins", "", entry);
            }
        }
        else if (isAnonymous && (perAddress.Take(address) is not null || inAll.Take(null) is not null))
        {
            return Omit("refused anonymous requests", "", entry);
        }
        else if (!isAnonymous && perAccount.Take(entry.Account) is not null)
        {
            if (entry.Outcome != AuditOutcome.Partly) return Omit("refused requests of the account", entry.Account, entry);
            if (IsGathered(entry)) return true;
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

    private bool Omit(string what, string account, AuditEntry entry)
    {
        lock (gate)
        {
            var key = (what, account);
            if (!omitted.TryGetValue(key, out var like))
            {
                if (omitted.Count >= MaxOmitted) key = ("refused requests of several accounts", "");
                if (!omitted.TryGetValue(key, out like))
                {
                    omitted[key] = like = new Gathered { Begun = Clock.GetUtcNow(), Last = entry, Since = entry.Time };
                }
            }

            like.Count++;
            like.Last = entry;
            return false;
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

            foreach (var (key, like) in omitted.Where(o => all || now - o.Value.Begun >= TimeSpan.FromMinutes(1)).ToList())
            {
                omitted.Remove(key);
                var reason = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{like.Count} {key.What} were not logged separately; this is the last of them"
                    + $"{(like.Last.Reason is { } last ? $": {last}" : "")}");
                audit.Add(like.Last with { Count = like.Count, Since = like.Since, Reason = reason });
            }
        }
    }

    private sealed class Gathered
    {
        public required DateTimeOffset Begun { get; init; }

        public required AuditEntry Last { get; set; }

        public required DateTimeOffset Since { get; set; }

        /// <summary>How many have no line of their own.</summary>
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
