using System.Collections.Concurrent;
using System.Security.Cryptography;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Postgres;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// Leases as rows, by the database's clock: whoever finds a job free takes it and keeps it by renewing it. A process that dies loses
/// its jobs when the lease runs out. A process that was slow counts from before it asked, so it knows at least as early as the others
/// that its lease is over; and what it writes for the job is refused while another holds it (<see cref="DemandAsync"/>).
/// </summary>
internal sealed class PostgresLeases(PostgresDatabase database, TimeProvider time) : ILeases
{
    /// <summary>How long a job stays with a process that says nothing more.</summary>
    public static readonly TimeSpan Lasts = 3 * ILeases.RenewEvery;

    private static readonly TimeSpan Forgotten = TimeSpan.FromHours(1);

    private readonly string self = RandomNumberGenerator.GetHexString(32, lowercase: true);
    private readonly ConcurrentDictionary<string, long> held = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Holds(string job) => held.TryGetValue(job, out var from) && time.GetElapsedTime(from) < Lasts;

    /// <summary>Takes those of the jobs that are free, and renews those that are this process's.</summary>
    /// <param name="jobs">The jobs that this process would do: one that is switched off here is left to the others.</param>
    /// <exception cref="DatabaseUnavailableException">The database does not answer; what is held runs out by itself.</exception>
    public async Task RenewAsync(params string[] jobs)
    {
        var from = time.GetTimestamp();
        var mine = (await database.WriteAsync(db => db.QueryAsync<string>(
            """
            INSERT INTO leases AS l (job, holder, until)
            SELECT job, @self, clock_timestamp() + @Lasts FROM unnest(@jobs) AS j (job) ORDER BY job
            ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until = clock_timestamp() + @Lasts
            WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
            RETURNING job
            """,
            new { self, Lasts, jobs }))).ToHashSet(StringComparer.Ordinal);
        foreach (var job in jobs)
        {
            if (mine.Contains(job)) held[job] = from;
            else held.TryRemove(job, out _);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> TryTakeAsync(string job)
    {
        await RenewAsync(job);
        return Holds(job);
    }

    /// <inheritdoc/>
    /// <remarks>What processes that died left behind goes along, so that the table stays small.</remarks>
    public async Task EndAsync(string job)
    {
        held.TryRemove(job, out _);
        await database.WriteAsync(db => db.ExecuteAsync(
            "DELETE FROM leases WHERE (job = @job AND holder = @self) OR until < clock_timestamp() - @Forgotten",
            new { self, job, Forgotten }));
    }

    /// <summary>Gives all jobs up, so that another process need not wait.</summary>
    public async Task ReleaseAsync()
    {
        held.Clear();
        await database.WriteAsync(db => db.ExecuteAsync("DELETE FROM leases WHERE holder = @self", new { self }));
    }

    /// <summary>Refuses to write for a job that is another's. Until the transaction ends nobody else takes the job.</summary>
    /// <exception cref="LeaseLostException">Another process holds it.</exception>
    public async Task DemandAsync(NpgsqlConnection db, string job)
    {
        var holder = await db.QuerySingleOrDefaultAsync<string>(
            "SELECT holder FROM leases WHERE job = @job AND until > clock_timestamp() FOR SHARE", new { job });
        if (holder is not null && holder != self) throw new LeaseLostException(job);
    }
}

/// <summary>Renews the leases for as long as the server runs, and gives them up when it stops.</summary>
internal sealed partial class LeaseRenewal(PostgresLeases leases, OwnJobs jobs, BackgroundLoops loops, ILogger<LeaseRenewal> log)
    : BackgroundLoop("leases", loops)
{
    private bool isFirst = true;

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await leases.ReleaseAsync();
        }
        catch (DatabaseUnavailableException e)
        {
            LogKept(log, e.Message);
        }
    }

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => ILeases.RenewEvery;

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) =>
        isFirst ? Task.CompletedTask : Task.Delay(ILeases.RenewEvery, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        await leases.RenewAsync(jobs.Names);
        isFirst = false;
    }

    [LoggerMessage(
        EventId = LogEvents.LeasesKept, EventName = nameof(LogEvents.LeasesKept), Level = LogLevel.Warning,
        Message = "Could not give up this process's jobs before shutdown; another process takes them in a few seconds: {Reason}")]
    private static partial void LogKept(ILogger log, string reason);
}
