using System.Net;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>What a change leaves for the index, in the commit of the change.</summary>
public sealed class OutboxTests
{
    private const string Repository = "team/app";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Every_change_leaves_its_event_in_the_order_in_which_it_happened()
    {
        await using var flow = await StartAloneAsync();
        var one = await flow.PushAsync("registry", Repository, "a", "one", "bob");
        await flow.PushAsync("registry", Repository, "a", "two");
        await flow.DeleteAsync("registry", Repository, "a");
        await flow.DeleteAsync("registry", Repository, one);
        await flow.PushAsync("registry", Repository, "a", "two");
        await flow.DeleteAsync("registry", Repository, IndexedRegistries.DigestOf("two"));

        var events = (await OutboxOf(flow).ReadAsync(100)).Events;
        Assert.Equal(
            [
                "manifest-pushed  bob", "tag-moved a bob", "manifest-pushed  alice", "tag-moved a alice", "tag-deleted a alice",
                    "manifest-deleted  alice",
                "manifest-pushed  alice", "tag-moved a alice", "tag-deleted a alice", "manifest-deleted  alice",
            ],
            events.Select(e => $"{e.Kind} {e.Tag} {e.Account}"));
        Assert.Equal(one, events[0].Digest);
        Assert.Equal("application/vnd.oci.image.index.v1+json", events[0].MediaType);
        Assert.Equal(IndexedRegistries.DigestOf("two"), events[4].Digest);
        Assert.All(events, e => Assert.Equal(Repository, e.Repository));
        Assert.All(events, e => Assert.Equal(flow.Registry().Clock.GetUtcNow().ToUnixTimeSeconds(), e.Time));
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (long)i), events.Select(e => e.Sequence));
        Assert.Equal(10, events.Select(e => e.Id).Distinct(StringComparer.Ordinal).Count(id => id.Length == 32));
    }

    [Fact]
    public async Task Mounted_and_deleted_blobs_leave_events_and_uploaded_ones_do_not()
    {
        await using var flow = await StartAloneAsync();
        const string digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"; // of {}
        using var uploaded = await flow.SendAsync(
            "registry", HttpMethod.Post, "other/source", $"blobs/uploads/?digest={digest}", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.Created, uploaded.StatusCode);
        using var mounted = await flow.SendAsync(
            "registry", HttpMethod.Post, Repository, $"blobs/uploads/?mount={digest}&from=other/source");
        Assert.Equal(HttpStatusCode.Created, mounted.StatusCode);
        using var deleted = await flow.SendAsync("registry", HttpMethod.Delete, Repository, $"blobs/{digest}");
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        using var again = await flow.SendAsync("registry", HttpMethod.Delete, Repository, $"blobs/{digest}");
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);

        Assert.Equal(
            [$"blob-mounted {digest} 2 alice", $"blob-deleted {digest}  alice"],
            (await OutboxOf(flow).ReadAsync(100)).Events.Select(e => $"{e.Kind} {e.Digest} {e.Size} {e.Account}"));
    }

    [Fact]
    public async Task A_change_that_is_refused_or_rolled_back_leaves_nothing_and_no_gap()
    {
        await using var flow = await StartAloneAsync();
        await flow.DeleteAsync("registry", Repository, "none");
        var database = flow.Registry().Services.GetRequiredService<RegistryDatabase>();
        await flow.PushAsync("registry", Repository, "a", "one");
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync<int>(db =>
        {
            SqliteOutbox.Append(db, 1, new RegistryChange(EventKind.TagDeleted, "alice", 0) { Tag = "a" });
            throw new InvalidOperationException("rolled back");
        }));
        await flow.PushAsync("registry", Repository, "b", "one");

        Assert.Equal([1L, 2, 3, 4], (await OutboxOf(flow).ReadAsync(100)).Events.Select(e => e.Sequence));
    }

    [Fact]
    public async Task More_events_than_are_kept_make_way_for_a_resync()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.ExpectToldAsync();
        flow.DisconnectIndex();
        var digest = await flow.PushAsync("registry", Repository, "a", "one");
        await flow.Registry().Services.GetRequiredService<RegistryDatabase>().WriteAsync(db => db.Execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101000)
            INSERT INTO outbox (id, kind, repository, account, at) SELECT 'id', 'later', 'team/app', '', 0 FROM n
            """));

        await Eventually.TrueAsync(
            () => OutboxOf(flow).LastState() is { Depth: <= 100_000, NeedsResync: true }, TimeSpan.FromSeconds(30),
            () => $"{OutboxOf(flow).LastState()}");
        flow.ConnectIndex();

        await flow.ExpectTagsAsync(Repository, $"a@registry={digest}");
        await flow.ExpectToldAsync();
    }

    [Fact]
    public async Task Nothing_is_written_down_where_reports_are_switched_off_and_switching_them_on_takes_a_resync()
    {
        var isEnabled = false;
        await using var registry = await RegistryHost.StartAsync(o => o.Reporting.Enabled = isEnabled);
        using var content = new StringContent(
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""");
        content.Headers.ContentType = new("application/vnd.oci.image.index.v1+json");
        using var pushed = await registry.As("repository:team/app:push")
            .PutAsync(new Uri("/v2/team/app/manifests/a", UriKind.Relative), content, None);
        Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
        Assert.True(registry.Services.GetRequiredService<IOutbox>().LastState() is { Depth: 0, NeedsResync: false });

        isEnabled = true;
        await registry.RestartAsync();
        Assert.True(registry.Services.GetRequiredService<IOutbox>().LastState().NeedsResync);
    }

    private static IOutbox OutboxOf(IndexedRegistries flow) => flow.Registry().Services.GetRequiredService<IOutbox>();

    /// <summary>A registry that the index knows, with nothing in its outbox, and the line cut.</summary>
    private static async Task<IndexedRegistries> StartAloneAsync()
    {
        var flow = await IndexedRegistries.StartAsync("registry");
        await flow.ExpectToldAsync();
        flow.DisconnectIndex();
        return flow;
    }
}
