using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    private const string Digest1 = "sha256:1111", Digest2 = "sha256:2222";

    private static readonly EventPosition Beginning = new(0, "");

    [Fact]
    public async Task Events_are_taken_once_from_where_the_catalog_stands()
    {
        await FillAsync("registry", Beginning);
        var report = new EventReport(
            Beginning, [Pushed("team/app", Digest1, 1), Moved("team/app", "v1", Digest1, 2)],
            [new PulledManifest("team/app", Digest1, 70)]);
        Assert.IsType<ReportOutcome.Taken>(await One.Catalog.TakeAsync("registry", report));
        Assert.IsType<ReportOutcome.Taken>(await Other.Catalog.TakeAsync("registry", report));
        Assert.IsType<ReportOutcome.Taken>(await Other.Catalog.TakeAsync(
            "registry", new EventReport(report.End, [Moved("team/app", "v2", Digest1, 3)], [new PulledManifest("team/app", Digest1, 60)])));

        var place = Assert.Single(await Other.Catalog.PlacesAsync(Name("team/app"), ["other", "registry"]));
        Assert.Equal(("registry", 2L, 1L, 1L, 70L), (place.Service, place.Tags, place.Manifests, place.PushedAt, place.PulledAt));
        Assert.IsType<ReportOutcome.OutOfStep>(await One.Catalog.TakeAsync("unknown", report));
        Assert.IsType<ReportOutcome.OutOfStep>(
            await One.Catalog.TakeAsync("registry", new EventReport(new EventPosition(7, "7"), [], [])));
        Assert.IsType<ReportOutcome.OutOfStep>(
            await One.Catalog.TakeAsync("registry", new EventReport(new EventPosition(3, "another history"), [], [])));
    }

    [Fact]
    public async Task Tags_and_manifests_go_with_their_events_and_a_repository_with_its_last_manifest()
    {
        await FillAsync("registry", Beginning);
        await TakeAsync(Beginning,
            Pushed("app", Digest1, 1), Pushed("app", Digest2, 2), Moved("app", "a", Digest1, 3), Moved("app", "b", Digest1, 4));
        await TakeAsync(new EventPosition(4, "4"), Moved("app", "b", Digest2, 5), Gone("app", "a", null, 6));
        var tag = Assert.Single(await Other.Catalog.TagsAsync(Name("app"), ["registry"], "", 10));
        Assert.Equal(
            ("b", "registry", Digest2, "type", 2L, 5L, "alice", (long?)null),
            (tag.Name, tag.Service, tag.Digest, tag.MediaType, tag.Size, tag.MovedAt, tag.MovedBy, tag.PulledAt));

        await TakeAsync(new EventPosition(6, "6"), Gone("app", "b", null, 7), Gone("app", null, Digest1, 8));
        Assert.Single(await One.Catalog.PlacesAsync(Name("app"), ["registry"]));
        await TakeAsync(new EventPosition(8, "8"), Gone("app", null, Digest2, 9), Gone("never", null, Digest2, 10));
        Assert.Empty(await One.Catalog.PlacesAsync(Name("app"), ["registry"]));
    }

    [Fact]
    public async Task Tags_come_in_byte_order_from_every_registry_after_the_last_one_seen()
    {
        foreach (var service in (string[])["one", "two"])
        {
            await FillAsync(service, Beginning, [Pushed("app", Digest1, 0), .. Tags("app", "v10", "v9", "V1", "latest")]);
        }

        var first = await Other.Catalog.TagsAsync(Name("app"), ["one", "two"], "", 2);
        Assert.Equal(["V1 one", "V1 two", "latest one", "latest two"], first.Select(t => $"{t.Name} {t.Service}"));
        var second = await Other.Catalog.TagsAsync(Name("app"), ["two"], "latest", 10);
        Assert.Equal(["v10", "v9"], second.Select(t => t.Name));
        Assert.Equal(["v10", "v9"], (await Other.Catalog.TagsAsync(Name("app"), ["two"], "latest\0more", 10)).Select(t => t.Name));
        Assert.Empty(await Other.Catalog.TagsAsync(Name("app"), ["three"], "", 10));
    }

    [Fact]
    public async Task Tags_are_found_by_name_and_by_what_they_point_at()
    {
        await FillAsync("one", Beginning, [Pushed("app", Digest1, 0), Pushed("app", Digest2, 0), .. Tags("app", "v2", "v10", "v1"),
            Moved("app", "other", Digest2, 0)]);
        await FillAsync("two", Beginning, [Pushed("app", Digest1, 0), .. Tags("app", "v1")]);
        var named = await Other.Catalog.TagsNamedAsync(Name("app"), ["one", "two"], ["v2", "v1", "none"]);
        Assert.Equal(["v1 one", "v1 two", "v2 one"], named.Select(t => $"{t.Name} {t.Service}"));
        Assert.Empty(await Other.Catalog.TagsNamedAsync(Name("app"), ["three"], ["v1"]));
        Assert.Equal(["v1", "v10"], await Other.Catalog.TagsOfAsync(Name("app"), "one", Digest1, 2));
        Assert.Equal(["other"], await Other.Catalog.TagsOfAsync(Name("app"), "one", Digest2, 10));
        Assert.Empty(await Other.Catalog.TagsOfAsync(Name("other"), "one", Digest2, 10));
    }

    [Fact]
    public async Task Names_come_in_byte_order_within_a_range_and_by_what_they_hold()
    {
        await FillAsync("one", Beginning, [.. ((string[])["a-b/x", "a/b", "a_b", "ab"]).Select(n => Pushed(n, Digest1, 0))]);
        await FillAsync("two", Beginning, [Pushed("a/b", Digest1, 0)]);
        Assert.Equal(["a-b/x one", "a/b one", "a/b two", "a_b one", "ab one"], await NamesAsync("", "", "", "z"));
        Assert.Equal(["a/b two", "a_b one"], await NamesAsync("", "a/b", "one", "ab"));
        Assert.Equal(["a-b/x one", "a/b one", "a/b two", "a_b one", "ab one"], await NamesAsync("b", "", "", "\U0010ffff"));
        Assert.Equal(["a_b one"], await NamesAsync("_", "", "", "z"));
        Assert.Empty(await NamesAsync("%", "", "", "z"));
        Assert.Empty(await NamesAsync("a\0", "", "", "z"));
        Assert.Equal(["ab one"], await NamesAsync("", "a_b\0", "\U0010ffff", "z"));

        async Task<string[]> NamesAsync(string text, string name, string service, string end) =>
            [.. (await Other.Catalog.NamesAsync(text, name, service, end, 10)).Select(n => $"{n.Name} {n.Service}")];
    }

    [Fact]
    public async Task The_index_of_parts_finds_what_reading_all_names_finds()
    {
        var random = new Random(1);
        string[] pieces = ["app", "api", "a_b", "base", "x-y", "lib.v2", "web__1", "1234", "ap", "p", "zz9"];
        string[] starts = ["public/", "team/one/", "team/two-", ""];
        string AnyName() => starts[random.Next(starts.Length)]
            + string.Join(
                random.Next(2) == 0 ? "/" : "-", Enumerable.Range(0, random.Next(1, 4)).Select(_ => pieces[random.Next(pieces.Length)]));
        var names = Enumerable.Range(0, 400).Select(_ => AnyName()).ToList();
        await FillAsync("one", Beginning, [.. names.Take(250).Append("going/app").Select(n => Pushed(n, Digest1, 0))]);
        await FillAsync("two", Beginning, [.. names.Skip(150).Select(n => Pushed(n, Digest1, 0))]);
        await FillAsync("two", Beginning, [.. names.Skip(200).Select(n => Pushed(n, Digest1, 0))]); // the copy before is not swept yet
        await One.Catalog.TakeAsync(
            "one", new EventReport(Beginning, [Pushed("late/app", Digest1, 1), Gone("going/app", null, Digest1, 2)], []));

        string[] texts = ["app", "api", "a_b-api", "lib.v2", "123", "2345", "web__1/app", "axb-api", "%app", "team/one", "zz9-"];
        foreach (var text in texts)
        {
            foreach (var prefix in (string[])["", "team/", "public/", "te", "nobody/"])
            {
                var all = await Other.Catalog.NamesAsync(text, prefix, "", prefix + "\U0010ffff", 1000);
                var found = await Other.Catalog.FindRareAsync(text, prefix, 1000);
                Assert.NotNull(found);
                Assert.Equal(all, found.Where(f => f.Name.StartsWith(prefix, StringComparison.Ordinal) && f.Name.Contains(text)).Order());
            }
        }

        Assert.NotEmpty(await Other.Catalog.NamesAsync("late/app", "", "", "z", 10));
        Assert.Null(await Other.Catalog.FindRareAsync("app", "", 20));
        Assert.NotNull(await Other.Catalog.FindRareAsync("app", "late/", 20));
        while (await One.Catalog.SweepAsync())
        {
        }

        Assert.NotNull(await Other.Catalog.FindRareAsync("app", "", 1000));
    }

    [Fact]
    public async Task A_search_finds_what_the_caller_may_pull_of_all_that_hold_the_text_and_nothing_else()
    {
        const string rules = """
            - { id: public, to: [anyone], allow: [pull], on: ["public/**"] }
            - { id: own, to: [authenticated], allow: [pull], on: ["users/{account}/**"] }
            - { id: apps, to: ["user:alice"], allow: [pull], on: ["*/app-*/**", "team/**"] }
            - { id: secret, to: [anyone], deny: [pull], on: ["**/*-7", "team/secret-*"] }
            - { id: admin, to: ["user:root"], allow: [pull], on: ["**"] }
            """;
        var random = new Random(2);
        string[] starts = ["public/app-", "public/a_b/", "team/app-x/", "team/secret-", "users/alice/", "users/bob/app-", "x"];
        string[] ends = ["", "-7", .. Enumerable.Range(0, 14).Select(n => $"-word{(char)('a' + n)}")]; // each in a few hundred names
        var names = Enumerable.Range(0, 6000).Select(n => $"{starts[random.Next(starts.Length)]}{n:x}{ends[random.Next(ends.Length)]}")
            .Append("public/deep/needle-one").ToList();
        string[] texts = ["", "p", "-7", "app", "app-1f", "a_b", "a_b/1", "a%b", "APP", "needle", "e-o", "app-x/", "\"", "'", "\\",
            "lic/app", "secret-", "17f", "worda", "0-wordb", "nothing", "alice/", "\0", "\U0001f600\U0001f600\U0001f600", "app*", "--"];
        var heldBy = names.Select((name, n) => (name, n)).ToDictionary(
            x => x.name, x => (string[])(x.n % 3 == 0 ? ["one", "two"] : x.n % 3 == 1 ? ["one"] : ["two"]), StringComparer.Ordinal);
        foreach (var service in (string[])["one", "two"])
        {
            await FillAsync(service, Beginning, [.. names.Where(n => heldBy[n].Contains(service)).Select(n => Pushed(n, Digest1, 0))]);
        }

        var (policy, reader) = (PolicyText.Rules(rules), new CatalogReader(Other.Catalog));
        var services = RegistryService.Load(new TokenServerOptions { Services = [new() { Name = "one" }, new() { Name = "two" }] });
        foreach (var account in (string[])["", "alice", "root"])
        {
            var caller = new SubjectCaller(
                new SignInOutcome.SignedIn(account, [], account.Length == 0 ? SignIn.Anonymous : SignIn.Htpasswd), TokenRestriction.None,
                null, services);
            foreach (var text in texts)
            {
                var view = new CatalogView(policy, caller, Now);
                var expected = names.Order(StringComparer.Ordinal)
                    .Where(n => n.Contains(text, StringComparison.Ordinal) && ShownBy(view, n).Any())
                    .Select(n => $"{n} {string.Join(' ', ShownBy(view, n))}").ToList();
                Assert.Equal(expected, await FindAllAsync(reader, view, text, 10_000));
                Assert.Equal(expected.Take(700), (await FindAllAsync(reader, view, text, 37, 700)).Take(700));
            }
        }

        IEnumerable<string> ShownBy(CatalogView view, string name) => heldBy[name].Where(s => view.Shows(s, Name(name)));
    }

    private static async Task<List<string>> FindAllAsync(
        CatalogReader reader, CatalogView view, string text, int page, int most = int.MaxValue)
    {
        var found = new List<string>();
        for (var after = ""; found.Count < most;)
        {
            var some = await reader.SearchAsync(view, text, after, page);
            found.AddRange(some.Select(f => $"{f.Name} {string.Join(' ', f.Registries)}"));
            if (some.Count < page) break;
            after = some[^1].Name;
        }

        return found;
    }

    [Fact]
    public async Task A_long_range_of_names_ends_where_it_is_told()
    {
        await FillAsync("one", Beginning, [.. Enumerable.Range(10, 20).Select(n => Pushed($"n/{n}", Digest1, 0))]);
        Assert.Equal("n/15", await Other.Catalog.NameAfterAsync("n/10", "o", 4));
        Assert.Equal("n/29", await Other.Catalog.NameAfterAsync("n/", "o", 19));
        Assert.Null(await Other.Catalog.NameAfterAsync("n/", "o", 20));
        Assert.Null(await Other.Catalog.NameAfterAsync("n/", "n/15", 5));
    }

    [Fact]
    public async Task A_snapshot_takes_the_place_of_what_was_known_with_its_last_page()
    {
        await FillAsync("registry", Beginning, [Pushed("old", Digest1, 0), Pushed("kept", Digest1, 0)]);
        await One.Catalog.TakeAsync(
            "registry", new EventReport(Beginning, [], [new PulledManifest("old", Digest1, 5), new PulledManifest("kept", Digest1, 6)]));
        var position = new EventPosition(9, "nine");
        Assert.IsType<ReportOutcome.Taken>(await TakePageAsync("first", 0, position, false, Pushed("half", Digest1, 0)));
        Assert.IsType<ReportOutcome.OutOfStep>(await TakePageAsync("first", 2, position, false));
        Assert.IsType<ReportOutcome.Taken>(await TakePageAsync("second", 0, position, false, Pushed("kept", Digest1, 0)));
        Assert.IsType<ReportOutcome.OutOfStep>(await TakePageAsync("first", 1, position, true));
        Assert.Single(await Other.Catalog.PlacesAsync(Name("old"), ["registry"]));
        Assert.IsType<ReportOutcome.Taken>(await TakePageAsync("second", 1, position, true, Pushed("new", Digest2, 0)));

        Assert.Empty(await Other.Catalog.PlacesAsync(Name("old"), ["registry"]));
        Assert.Empty(await Other.Catalog.PlacesAsync(Name("half"), ["registry"]));
        Assert.Single(await Other.Catalog.PlacesAsync(Name("new"), ["registry"]));
        Assert.IsType<ReportOutcome.Taken>(await One.Catalog.TakeAsync("registry", new EventReport(position, [], [])));

        while (await Other.Catalog.SweepAsync())
        {
        }

        Assert.Equal(6, Assert.Single(await One.Catalog.PlacesAsync(Name("kept"), ["registry"])).PulledAt);
        await TakeAsync(position, Pushed("old", Digest1, 10));
        Assert.Null(Assert.Single(await One.Catalog.PlacesAsync(Name("old"), ["registry"])).PulledAt);
    }

    private static RepositoryName Name(string name) =>
        RepositoryName.TryParse(name, out var parsed) ? parsed : throw new ArgumentException(name);

    private static RegistryEvent Event(
        string kind, string repository, string? tag, string? digest, long sequence, string? mediaType = null, long? size = null) => new()
        {
            Sequence = sequence,
            Id = $"{sequence}",
            Kind = kind,
            Repository = repository,
            Tag = tag,
            Digest = digest,
            MediaType = mediaType,
            Size = size,
            Account = "alice",
            Time = sequence,
        };

    private static RegistryEvent Pushed(string repository, string digest, long sequence) =>
        Event(EventKind.ManifestPushed, repository, null, digest, sequence, "type", 2);

    private static RegistryEvent Moved(string repository, string tag, string digest, long sequence) =>
        Event(EventKind.TagMoved, repository, tag, digest, sequence);

    private static RegistryEvent Gone(string repository, string? tag, string? digest, long sequence) =>
        Event(tag is null ? EventKind.ManifestDeleted : EventKind.TagDeleted, repository, tag, digest, sequence);

    private static IEnumerable<RegistryEvent> Tags(string repository, params string[] tags) =>
        tags.Select(tag => Moved(repository, tag, Digest1, 0));

    private Task<ReportOutcome> TakePageAsync(string epoch, int page, EventPosition position, bool isLast, params RegistryEvent[] events) =>
        One.Catalog.TakeAsync("registry", new SnapshotReport(epoch, page, isLast, position, events));

    private async Task FillAsync(string service, EventPosition position, params RegistryEvent[] events) =>
        Assert.IsType<ReportOutcome.Taken>(
            await One.Catalog.TakeAsync(service, new SnapshotReport($"fill {service}", 0, IsLast: true, position, events)));

    private async Task TakeAsync(EventPosition after, params RegistryEvent[] events) =>
        Assert.IsType<ReportOutcome.Taken>(await One.Catalog.TakeAsync("registry", new EventReport(after, events, [])));
}
