using System.Text;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Revocation;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>
/// What a real registry sends is taken by a real token server, and the other way round, byte for byte as all versions write it.
/// </summary>
public sealed class WireTests
{
    private static readonly string Digest = $"sha256:{new string('a', 64)}";

    [Fact]
    public async Task The_token_server_takes_the_bytes_of_a_registry_s_reports()
    {
        await using var index = await FollowedIndex.StartAsync(o => o.Revocations.Enabled = false);
        using var wire = new Wire();
        var client = new IndexReportClient(wire.Connect(index));
        var cancellation = TestContext.Current.CancellationToken;

        var pushed = Event(
            EventKind.ManifestPushed) with { Digest = Digest, MediaType = "application/vnd.oci.image.index.v1+json", Size = 2 };
        Assert.IsType<ReportOutcome.Accepted>(
            await client.SendAsync(new SnapshotReport("e", 0, true, new EventPosition(6, "id-6"), [pushed]), cancellation));
        Assert.Equal(
            """{"epoch":"e","page":0,"isLast":true,"position":{"sequence":6,"id":"id-6"},"events":[{"sequence":0,"id":"","kind":"manifest-pushed","""
            + $$"""
              "repository":"users/alice/app","tag":null,"digest":"{{Digest}}","mediaType":"application/vnd.oci.image.index.v1\u002Bjson","size":2,"account":"alice","time":7}]}
              """,
            wire.Sent);

        RegistryEvent[] events =
        [
            pushed,
            Event(EventKind.TagMoved) with { Tag = "v1", Digest = Digest },
            Event(EventKind.TagDeleted) with { Tag = "v1", Digest = Digest },
            Event(EventKind.BlobMounted) with { Digest = Digest, Size = 3 },
            Event(EventKind.BlobDeleted) with { Digest = Digest },
            Event(EventKind.ManifestDeleted) with { Digest = Digest },
            Event("of-a-later-version"),
        ];
        var report = new EventReport(
            new EventPosition(6, "id-6"),
            [.. events.Select((change, i) => change with { Sequence = 7 + i, Id = $"id-{7 + i}" })],
            [new PulledManifest("users/alice/app", Digest, 8)]);
        Assert.IsType<ReportOutcome.Accepted>(await client.SendAsync(report, cancellation));
        Assert.EndsWith(
            $$"""],"pulled":[{"repository":"users/alice/app","digest":"{{Digest}}","time":8}]}""", wire.Sent, StringComparison.Ordinal);

        // What is taken is known: the same position again is in step, another is not.
        Assert.IsType<ReportOutcome.Accepted>(await client.SendAsync(new EventReport(report.End, [], []), cancellation));
        var refused = Assert.IsType<ReportOutcome.OutOfStep>(
            await client.SendAsync(new EventReport(new EventPosition(99, "id-99"), [], []), cancellation));
        Assert.Contains("event 13", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_registry_takes_the_bytes_of_the_token_server_s_answers()
    {
        await using var index = await FollowedIndex.StartAsync(o => o.Revocations.Enabled = false);
        using var wire = new Wire();
        var connection = wire.Connect(index);
        var cancellation = TestContext.Current.CancellationToken;
        var token = await index.TokenAsync();

        var may = await new IndexClient(connection, NullLogger<IndexClient>.Instance).PullableAsync(
            token, null, ["users/alice/app", "secret/app"], cancellation, wantsPrefixes: true);
        Assert.Equal(["users/alice/app"], may!.Repositories);
        Assert.Contains("users/", may.Prefixes!);
        Assert.StartsWith("""{"repositories":["users/alice/app"],"prefixes":[""", wire.Received, StringComparison.Ordinal);
        Assert.EndsWith(
            ""","address":null,"repositories":["users/alice/app","secret/app"],"prefixes":true}""", wire.Sent, StringComparison.Ordinal);

        var feed = new RevocationFeedClient(connection);
        await index.RevokeTokenAsync("zoë+1");
        var answer = Assert.IsType<FeedOutcome.Answered>(await feed.AskAsync(new FeedPosition("", 0), TimeSpan.Zero, cancellation));
        var entry = Assert.Single(answer.Entries);
        Assert.Equal((RevocationKinds.Token, "zoë+1", 1L), (entry.Kind, entry.Value, entry.Sequence));
        Assert.Equal(
            $$"""
            {"epoch":"{{answer.Position.Epoch}}","sequence":1,"revocations":[{"sequence":1,"kind":"token","value":"zoë+1","issuedBefore":{{entry.IssuedBefore}},"expires":{{entry.Expires}}}],"more":false}
            """,
            wire.Received);

        var registry = index.Registry();
        using var introspection = new Introspection(
            connection, registry.Service<TokenServerLinkOptions>(), index.Clock, NullLogger<Introspection>.Instance);
        Assert.True(await introspection.IsActiveAsync("good", token, cancellation));
        Assert.False(await introspection.IsActiveAsync("bad", "no.such.token", cancellation));
        Assert.Equal("""{"active":false}""", wire.Received);
    }

    private static RegistryEvent Event(string kind) => new()
    {
        Sequence = 0, Id = "", Kind = kind, Repository = "users/alice/app", Tag = null, Digest = null, MediaType = null, Size = null,
            Account = "alice", Time = 7,
    };

    /// <summary>Notes the bytes of the last question and of its answer on their way.</summary>
    private sealed class Wire() : DelegatingHandler(new HttpClientHandler())
    {
        private readonly List<HttpClient> clients = [];

        public string Sent { get; private set; } = "";

        public string Received { get; private set; } = "";

        public IndexConnection Connect(FollowedIndex index)
        {
            clients.Add(new HttpClient(this, disposeHandler: false));
            var registry = index.Registry();
            return new IndexConnection(registry.Service<RegistryIdentity>(), registry.Service<TokenServerLinkOptions>(), clients[^1]);
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Sent = request.Content is null ? "" : Encoding.UTF8.GetString(await request.Content.ReadAsByteArrayAsync(cancellationToken));
            var answer = await base.SendAsync(request, cancellationToken);
            Received = Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
            return answer;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) clients.ForEach(c => c.Dispose());
            base.Dispose(disposing);
        }
    }
}
