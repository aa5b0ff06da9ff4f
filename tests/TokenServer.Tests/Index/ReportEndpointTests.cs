using System.Net;
using System.Text;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Index;

/// <summary>What registries tell the index: once in effect, in order, and only about themselves.</summary>
public sealed class ReportEndpointTests
{
    [Fact]
    public async Task A_registry_that_is_not_known_is_asked_for_everything()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var answer = await Reports.SendAsync(server, Reports.Events(0, "", Reports.Push(1, "a/b", "1")));
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains("does not know the registry", await Reports.TextAsync(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_that_come_again_change_nothing()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        var pushed = Reports.Events(0, "", Reports.Push(1, "a/b", "1"), Reports.Tag(2, "a/b", "t", "1"));
        await Reports.MustAsync(server, pushed);
        await Reports.MustAsync(server, Reports.Events(2, "id-2", Reports.Untag(3, "a/b", "t")));
        await Reports.MustAsync(
            server, Reports.Events(
                0, "", Reports.Push(1, "a/b", "1"), Reports.Tag(2, "a/b", "t", "1"), Reports.Untag(3, "a/b", "t"),
                Reports.Push(4, "a/c", "1")));

        using var late = await Reports.SendAsync(server, pushed);

        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Equal(["a/b", "a/c"], await Reports.NamesAsync(server));
        Assert.Empty(await Reports.TagsAsync(server, "a/b"));
    }

    [Fact]
    public async Task A_gap_is_told_and_nothing_after_it_is_taken()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        await Reports.MustAsync(server, Reports.Events(0, "", Reports.Push(1, "a/b", "1")));

        using var answer = await Reports.SendAsync(server, Reports.Events(2, "id-2", Reports.Push(3, "a/c", "1")));

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Equal(["a/b"], await Reports.NamesAsync(server));
    }

    [Fact]
    public async Task Another_history_with_the_same_numbers_is_noticed()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        await Reports.MustAsync(server, Reports.Events(0, "", Reports.Push(1, "a/b", "1")));

        using var next = await Reports.SendAsync(server, Reports.Events(1, "another", Reports.Push(2, "a/c", "1")));
        using var again = await Reports.SendAsync(
            server, Reports.Events(0, "", Reports.Push(1, "a/d", "1", id: "another"), Reports.Push(2, "a/c", "1")));

        Assert.Equal(HttpStatusCode.Conflict, next.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        Assert.Equal(["a/b"], await Reports.NamesAsync(server));
    }

    [Fact]
    public async Task An_empty_report_tells_whether_the_catalog_stands_there()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        await Reports.MustAsync(server, Reports.Events(0, "", Reports.Push(1, "a/b", "1")));
        await Reports.MustAsync(server, Reports.Events(1, "id-1"));
        using var ahead = await Reports.SendAsync(server, Reports.Events(5, "id-5"));
        using var behind = await Reports.SendAsync(server, Reports.Events(0, ""));
        Assert.Equal(HttpStatusCode.Conflict, ahead.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, behind.StatusCode);
    }

    [Fact]
    public async Task Searches_see_a_snapshot_when_it_is_complete_and_not_before()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        await Reports.MustAsync(server, Reports.Events(0, "", Reports.Push(1, "old/one", "1")));

        await Reports.MustAsync(
            server, Reports.Snapshot("e1", 0, false, 9, Reports.Push(0, "new/one", "1"), Reports.Tag(0, "new/one", "t", "1")));
        Assert.Equal(["old/one"], await Reports.NamesAsync(server));
        await Reports.MustAsync(server, Reports.Events(1, "id-1", Reports.Push(2, "old/two", "1")));
        Assert.Equal(["old/one", "old/two"], await Reports.NamesAsync(server));
        await Reports.MustAsync(server, Reports.Snapshot("e1", 1, true, 9, Reports.Push(0, "new/two", "1")));

        Assert.Equal(["new/one", "new/two"], await Reports.NamesAsync(server));
        Assert.Equal(["t"], await Reports.TagsAsync(server, "new/one"));
        await Reports.MustAsync(server, Reports.Events(9, "id-9", Reports.Untag(10, "new/one", "t")));
        Assert.Empty(await Reports.TagsAsync(server, "new/one"));
    }

    [Fact]
    public async Task A_snapshot_that_breaks_off_leaves_nothing_to_the_next_one()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.MustAsync(server, Reports.Snapshot("e1", 0, false, 5, Reports.Push(0, "half/one", "1")));
        await Reports.MustAsync(server, Reports.Snapshot("e2", 0, false, 6, Reports.Push(0, "whole/one", "1")));
        using var stray = await Reports.SendAsync(server, Reports.Snapshot("e1", 1, true, 5, Reports.Push(0, "half/two", "1")));
        using var skipped = await Reports.SendAsync(server, Reports.Snapshot("e2", 2, true, 6));
        await server.RestartAsync();
        await Reports.MustAsync(server, Reports.Snapshot("e2", 1, true, 6, Reports.Push(0, "whole/two", "1")));

        Assert.Equal(HttpStatusCode.Conflict, stray.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, skipped.StatusCode);
        Assert.Equal(["whole/one", "whole/two"], await Reports.NamesAsync(server));
    }

    [Fact]
    public async Task What_a_resync_replaced_is_cleared_away()
    {
        await using var server = await TokenServerHost.StartAsync();
        for (var round = 0; round < 3; round++)
        {
            await Reports.MustAsync(
                server, Reports.Snapshot(
                    $"e{round}", 0, true, round,
                    [.. Enumerable.Range(0, 900).Select(i => Reports.Push(0, $"round-{round}/repository-{i}", "1"))]));
        }

        var database = server.Service<TokenServer.State.StateDatabase>();
        await Eventually.TrueAsync(
            () => database.Read(db => Count(db, "repositories") == 900 && Count(db, "manifests") == 900 && Count(db, "copies") == 1),
            TimeSpan.FromSeconds(30), () => "not cleared away");
    }

    [Fact]
    public async Task Of_a_kind_that_is_not_known_an_event_counts_and_changes_nothing()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        await Reports.MustAsync(
            server, Reports.Events(
                0, "", Reports.Event(1, "id-1", "blob-mounted", "a/b", null, "1"),
                Reports.Event(2, "id-2", "of-a-later-version", "a/b", null, null)));
        await Reports.MustAsync(server, Reports.Events(2, "id-2"));
        Assert.Empty(await Reports.NamesAsync(server));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"after":{"sequence":0,"id":""},"events":null,"pulled":[]}""")]
    [InlineData("""{"after":{"sequence":0,"id":""},"events":[null],"pulled":[]}""")]
    [InlineData("""{"after":{"sequence":0,"id":""},"events":[],"pulled":[null]}""")]
    [InlineData(
        """{"after":{"sequence":0,"id":""},"events":[{"sequence":1,"id":"x","kind":"tag-moved","repository":"a/b","tag":"t","account":"a","time":1}],"pulled":[]}""")]
    [InlineData(
        """{"after":{"sequence":0,"id":""},"events":[{"sequence":2,"id":"x","kind":"later","repository":"a/b","tag":null,"digest":null,"mediaType":null,"size":null,"account":"a","time":1}],"pulled":[]}""")]
    [InlineData(
        """{"after":{"sequence":0,"id":""},"events":[{"sequence":1,"id":"x","kind":"later","repository":"../b","tag":null,"digest":null,"mediaType":null,"size":null,"account":"a","time":1}],"pulled":[]}""")]
    [InlineData(
        """{"after":{"sequence":0,"id":""},"events":[{"sequence":1,"id":"x","kind":"tag-moved","repository":"a/b","tag":"t","digest":null,"mediaType":null,"size":null,"account":"a","time":1}],"pulled":[]}""")]
    public async Task A_report_out_of_form_is_refused_and_changes_nothing(string body)
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        using var answer = await Reports.SendAsync(server, Reports.EventsPath, body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        await Reports.MustAsync(server, Reports.Events(0, ""));
    }

    [Fact]
    public async Task A_snapshot_with_an_event_that_is_null_is_refused()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var answer = await Reports.SendAsync(
            server, Reports.SnapshotPath,
            """{"epoch":"e","page":0,"isLast":true,"position":{"sequence":0,"id":""},"events":[null]}""");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("events[0] is null", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("registry", "wrong-credential-of-it")]
    [InlineData("other", TokenServerHost.Credential)]
    [InlineData("admin", TokenServerHost.AdminPassword)]
    public async Task Only_a_registry_reports(string user, string password)
    {
        await using var server = await TokenServerHost.StartAsync();
        foreach (var path in new[] { Reports.EventsPath, Reports.SnapshotPath })
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Post, path) { Content = new StringContent(Reports.Snapshot("e", 0, true, 0), Encoding.UTF8) };
            request.Headers.Authorization = TokenServerHost.Basic(user, password);
            using var answer = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_report_of_many_events_with_long_names_fits()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.BeginAsync(server);
        var name = new string('n', 250);
        await Reports.MustAsync(
            server, Reports.Events(
                0, "",
                [.. Enumerable.Range(1, 500)
                    .Select(i => Reports.Event(i, $"id-{i}", "manifest-pushed", name, null, $"{i}", account: new string('\u00e9', 250)))]));
        Assert.Equal([name], await Reports.NamesAsync(server));
    }

    private static long Count(Microsoft.Data.Sqlite.SqliteConnection db, string table)
    {
        using var command = db.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return (long)command.ExecuteScalar()!;
    }
}
