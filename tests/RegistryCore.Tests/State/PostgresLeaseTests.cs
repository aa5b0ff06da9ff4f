using System.Text;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>The jobs that one of several processes does for all of them. Two states of one database, as two processes have them.</summary>
public sealed class PostgresLeaseTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly string[] All = [SingletonJob.Reporting, SingletonJob.Scrub];

    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private string connection = "";
    private PostgresRegistryState one = null!;
    private PostgresRegistryState other = null!;
    private PostgresDatabase database = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        connection = await postgres.CreateDatabaseAsync();
        (one, other, database) = (await OpenAsync(), await OpenAsync(), PostgresDatabase.Create(connection, "test"));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_job_stays_with_one_process_until_that_gives_it_up_or_says_nothing_more()
    {
        Assert.False(one.Leases.Holds(SingletonJob.Scrub));
        await one.Leases.RenewAsync(All);
        await other.Leases.RenewAsync(All);
        foreach (var job in All) Assert.Equal((true, false), (one.Leases.Holds(job), other.Leases.Holds(job)));

        clock.Advance(PostgresLeases.Lasts - TimeSpan.FromSeconds(1));
        await one.Leases.RenewAsync(All);
        clock.Advance(PostgresLeases.Lasts - TimeSpan.FromSeconds(1));
        Assert.True(one.Leases.Holds(SingletonJob.Scrub));
        clock.Advance(TimeSpan.FromSeconds(1)); // it knows by itself that it was silent for too long
        Assert.False(one.Leases.Holds(SingletonJob.Scrub));
        await ExpireAsync();
        await other.Leases.RenewAsync(All);
        await one.Leases.RenewAsync(All);
        Assert.Equal((false, true), (one.Leases.Holds(SingletonJob.Scrub), other.Leases.Holds(SingletonJob.Scrub)));

        await other.Leases.ReleaseAsync();
        Assert.False(other.Leases.Holds(SingletonJob.Scrub));
        await one.Leases.RenewAsync(All);
        Assert.True(one.Leases.Holds(SingletonJob.Scrub));
    }

    [Fact]
    public async Task A_process_takes_no_job_that_is_switched_off_in_it()
    {
        await one.Leases.RenewAsync(SingletonJob.Scrub);
        await other.Leases.RenewAsync(All);
        Assert.Equal((false, true), (one.Leases.Holds(SingletonJob.Reporting), other.Leases.Holds(SingletonJob.Reporting)));
        Assert.Equal((true, false), (one.Leases.Holds(SingletonJob.Scrub), other.Leases.Holds(SingletonJob.Scrub)));
    }

    [Fact]
    public async Task What_a_process_writes_for_a_job_that_has_gone_to_another_is_refused()
    {
        await one.Outbox.SetReportingAsync(true);
        await PushAsync("v1");
        await one.Leases.RenewAsync(All);
        var snapshot = await one.Outbox.OpenSnapshotAsync();
        var batch = await one.Outbox.ReadAsync(10);
        await ExpireAsync();
        await other.Leases.RenewAsync(All); // the first one was only slow, and goes on
        await Assert.ThrowsAsync<LeaseLostException>(() => one.Outbox.AcknowledgeAsync(batch.End));
        await Assert.ThrowsAsync<LeaseLostException>(() => one.Outbox.GiveUpAsync(batch.End));
        await Assert.ThrowsAsync<LeaseLostException>(() => one.Outbox.CompleteResyncAsync(snapshot));
        Assert.Equal(batch.Events, (await other.Outbox.ReadAsync(10)).Events);
        Assert.True((await other.Outbox.StateAsync()).NeedsResync);
        await other.Outbox.CompleteResyncAsync(snapshot);
        Assert.Equal(0, (await one.Outbox.StateAsync()).Depth);
    }

    [Fact]
    public async Task Nobody_takes_a_job_over_before_what_is_being_written_for_it_is_committed()
    {
        await one.Leases.RenewAsync(All);
        var (isIn, goOn) = (NewSource(), NewSource());
        var writing = database.WriteAsync(async db =>
        {
            await one.Leases.DemandAsync(db, SingletonJob.Reporting);
            isIn.SetResult();
            await goOn.Task;
            return 0;
        });
        await isIn.Task;
        var taking = other.Leases.RenewAsync(All);
        await Eventually.TrueAsync(
            async () => await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')")),
            Patience, () => "nobody waits");
        Assert.False(taking.IsCompleted);
        goOn.SetResult();
        await writing;
        await taking;
    }

    [Fact]
    public async Task A_use_of_a_manifest_that_is_being_deleted_waits_and_is_passed_over()
    {
        await PushAsync("v1");
        var digest = await database.ReadAsync(db => db.QuerySingleAsync<string>("SELECT digest FROM manifests"));
        var name = await database.ReadAsync(db => db.QuerySingleAsync<string>("SELECT name FROM repositories"));
        Assert.True(RepositoryName.TryParse(name, out var repository));
        var (isIn, goOn) = (NewSource(), NewSource());
        var deleting = database.WriteAsync(async db =>
        {
            await db.ExecuteAsync("DELETE FROM tags; DELETE FROM manifests");
            isIn.SetResult();
            await goOn.Task;
            return 0;
        });
        await isIn.Task;
        var noting = other.Uses.NoteAsync([new(repository, Digest.ParseStored(digest), 5)]);
        await Eventually.TrueAsync(
            async () => await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
                "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')")),
            Patience, () => "nobody waits");
        goOn.SetResult();
        await deleting;
        await noting;
    }

    [Fact]
    public async Task Pulls_seen_by_all_processes_are_taken_once_by_the_one_that_reports()
    {
        await one.Pulls.NoteAsync([new("a", "sha256:1", 5), new("a", "sha256:2", 7), new("a", "sha256:1", 4)]);
        await other.Pulls.NoteAsync([new("a", "sha256:1", 9), new("a", "sha256:2", 3)]);
        var taken = await other.Pulls.TakeAsync(1);
        taken = [.. taken, .. await one.Pulls.TakeAsync(10)];
        Assert.Equal(
            [new PulledManifest("a", "sha256:1", 9), new PulledManifest("a", "sha256:2", 7)],
            taken.OrderBy(p => p.Digest, StringComparer.Ordinal));
        Assert.Empty(await one.Pulls.TakeAsync(10));
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task<int> ExpireAsync() => database.WriteAsync(db => db.ExecuteAsync("UPDATE leases SET until = clock_timestamp() - interval '1s'"));

    private async Task PushAsync(string tag)
    {
        Assert.True(RepositoryName.TryParse("a", out var repository));
        var bytes = Encoding.UTF8.GetBytes(tag);
        var digest = Digest.Compute(System.Security.Cryptography.HashAlgorithmName.SHA256, bytes);
        var manifest = new NewManifest(new ManifestRecord(digest, MediaTypes.OciManifest, bytes), [], [], null, null, null, []);
        Assert.IsType<PutOutcome.Stored>(await one.Manifests.PutAsync(repository, manifest, [tag], default, "alice"));
    }

    private Task<PostgresRegistryState> OpenAsync() => PostgresRegistryState.OpenAsync(
        connection, new LimitOptions(), new GarbageCollectionOptions(), new ContentRules(AllowsSparse: false, DeletesNeeded: true), clock);
}
