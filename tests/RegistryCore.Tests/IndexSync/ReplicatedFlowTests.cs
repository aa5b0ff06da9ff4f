using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>Two processes of one registry, on one PostgreSQL database, before a real index.</summary>
public sealed class ReplicatedFlowTests(SharedPostgres postgres)
{
    private const string Repository = "team/app";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private string connection = "";

    [Fact]
    public async Task One_of_two_processes_reports_what_both_change_and_the_other_goes_on_when_it_stops()
    {
        await using var flow = await StartAsync();
        var (reporter, standby) = await JobsAsync(flow);
        var one = await flow.PushAsync(reporter, Repository, "a", "one");
        var two = await flow.PushAsync(standby, Repository, "b", "two");
        await flow.ExpectTagsAsync(Repository, $"a@shared={one} b@shared={two}");
        await flow.DeleteAsync(standby, Repository, "a");
        await flow.ExpectTagsAsync(Repository, $"b@shared={two}");
        await flow.ExpectToldAsync(standby); // it knows how reporting stands, and contests nothing
        Assert.False((bool)(await flow.StatusAsync(reporter))["isContested"]!);

        await flow.StopRegistryAsync(reporter);
        var three = await flow.PushAsync(standby, Repository, "c", "three");
        await flow.ExpectTagsAsync(Repository, $"b@shared={two} c@shared={three}");
        Assert.True(flow.Registry(standby).Service<ILeases>().Holds(SingletonJob.Reporting));
    }

    [Fact]
    public async Task A_pull_through_the_process_that_does_not_report_reaches_the_index()
    {
        await using var flow = await StartAsync();
        var (reporter, standby) = await JobsAsync(flow);
        await flow.PushAsync(reporter, Repository, "a", "one");
        using (await flow.SendAsync(standby, HttpMethod.Get, Repository, "manifests/a"))
        {
        }

        // Each tells of pulls now and then: shorter than a lease lasts, which a clock that jumps would end.
        var every = PostgresLeases.Lasts - TimeSpan.FromSeconds(5);
        foreach (var name in (string[])[reporter, standby]) flow.Registry(name).Service<ReportingOptions>().Every = every;
        await using var database = PostgresDatabase.Create(connection, "test");
        flow.Registry(standby).Clock.Advance(every);
        await Eventually.TrueAsync(
            async () => await database.ReadAsync(db => db.ExecuteScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM recent_pulls)")),
            Patience, () => "the pull is not left for the other");
        flow.Registry(reporter).Clock.Advance(every);
        await Eventually.TrueAsync(
            async () => (await flow.AskAsync($"/{Repository}/tags"))?["tags"]?[0]?["registries"]?[0]?["pulled"] is not null,
            Patience, () => "the index knows of no pull");
        Assert.False(await database.ReadAsync(db => db.ExecuteScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM recent_pulls)")));
    }

    private async Task<IndexedRegistries> StartAsync()
    {
        connection = await postgres.CreateDatabaseAsync();
        var flow = await IndexedRegistries.StartAsync("shared");
        await flow.StopRegistryAsync("shared"); // which had a database of its own
        foreach (var name in (string[])["one", "other"])
        {
            await flow.AddRegistryAsync(name, "shared", s => s.AddSharedState(() => connection).AddHostedService<LeaseRenewal>());
        }

        return flow;
    }

    /// <summary>Which of both reports, once one does.</summary>
    private static async Task<(string Reporter, string Standby)> JobsAsync(IndexedRegistries flow)
    {
        await Eventually.TrueAsync(() => Reports(flow, "one") || Reports(flow, "other"), Patience, () => "nobody has the job");
        return Reports(flow, "one") ? ("one", "other") : ("other", "one");
    }

    private static bool Reports(IndexedRegistries flow, string name) =>
        flow.Registry(name).Service<ILeases>().Holds(SingletonJob.Reporting);
}
