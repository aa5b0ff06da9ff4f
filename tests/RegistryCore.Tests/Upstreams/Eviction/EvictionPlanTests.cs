using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.Upstreams.Eviction;

/// <summary>What goes and what stays.</summary>
public sealed class EvictionPlanTests
{
    [Fact]
    public void Without_a_rule_nothing_goes() =>
        Assert.Empty(EvictionPlan.Make(Copies("a@1 x:100", "b@2 y:100"), null, null).Evicted);

    [Fact]
    public void What_nobody_used_since_goes()
    {
        var plan = EvictionPlan.Make(Copies("a@1 x:100", "b@2 y:100", "c@3"), null, unusedSince: 3);
        Assert.Equal(["a", "b"], Names(plan));
        Assert.Equal((203, 1), (plan.Held, plan.Kept)); // every manifest has a byte
    }

    [Fact]
    public void What_was_used_least_recently_goes_until_a_tenth_of_the_quota_is_free()
    {
        var copies = Copies("a@1 x:100", "b@2 y:100", "c@3 z:100");
        Assert.Empty(EvictionPlan.Make(copies, 303, null).Evicted);
        Assert.Equal(["a"], Names(EvictionPlan.Make(copies, 302, null)));
        Assert.Equal(["a", "b"], Names(EvictionPlan.Make(copies, 220, null)));
        Assert.Equal(["a", "b", "c"], Names(EvictionPlan.Make(copies, 50, null)));
    }

    [Fact]
    public void What_the_quota_can_never_hold_goes_and_leaves_the_rest_alone()
    {
        var copies = Copies("a@1 x:100", "b@2 y:100", "huge@3 z:1000");
        Assert.Equal(["huge"], Names(EvictionPlan.Make(copies, 500, null)));
        Assert.Equal(["a", "huge"], Names(EvictionPlan.Make(copies, 200, null)));
    }

    [Fact]
    public void Pins_that_nearly_fill_the_quota_leave_the_rest_nine_tenths_of_what_they_do_not_need()
    {
        string[] content = ["pinned@1 x:949", "a@2", "b@3 y:19", "c@4 z:19"];
        Assert.Empty(EvictionPlan.Make(Copies(["*:p"], ["p=pinned"], content), 991, null).Evicted);
        var plan = EvictionPlan.Make(Copies(["*:p"], ["p=pinned"], content), 990, null);
        Assert.Equal(["a", "b"], Names(plan)); // of the 40 bytes that the pin leaves, 36 may be used
        Assert.Equal(970, plan.Kept);
    }

    [Fact]
    public void A_blob_of_several_manifests_counts_once()
    {
        var copies = Copies("a@1 x:100 y:1", "b@2 x:100", "c@3 x:100");
        var plan = EvictionPlan.Make(copies, 104, null);
        Assert.True(plan.IsOverQuota is false && plan.Held == 104);
        Assert.Equal(["a", "b", "c"], Names(EvictionPlan.Make(copies, 103, null))); // nine tenths hold nothing
    }

    [Fact]
    public void What_is_referred_to_is_as_recently_used_as_what_refers_to_it()
    {
        var copies = Copies("index@9 >amd64 >arm64", "amd64@1 x:100", "arm64@2 y:100", "old@5 z:100");
        Assert.Equal(["old"], Names(EvictionPlan.Make(copies, null, unusedSince: 6)));
        Assert.Equal(["old"], Names(EvictionPlan.Make(copies, 300, null)));
    }

    [Fact]
    public void What_pinned_tags_lead_to_stays()
    {
        string[] content = ["index@1 >amd64", "amd64@1 x:100", "other@2 y:100", "loose@3"];
        var copies = Copies(["app:1*"], ["1.0=index", "2.0=other"], content);
        Assert.Equal(["other", "loose"], Names(EvictionPlan.Make(copies, 1, null)));
        Assert.Equal(["other"], Names(EvictionPlan.Make(copies, null, unusedSince: 3)));
        Assert.Equal(["loose"], Names(EvictionPlan.Make(Copies(["*:*"], ["1.0=index", "2.0=other"], content), 1, null)));
        Assert.Empty(EvictionPlan.Make(Copies(["ap*"], ["1.0=index"], content), 1, 9).Evicted); // without a tag: all of the repository
        Assert.Equal(4, EvictionPlan.Make(Copies(["o*"], ["1.0=index"], content), 1, null).Evicted.Count); // another repository's pin
    }

    [Fact]
    public void What_was_not_downloaded_stays() => Assert.Empty(EvictionPlan.Make(Copies("a@1 x:100 by:alice"), 1, 9).Evicted);

    private static IEnumerable<string> Names(EvictionPlan plan) => plan.Evicted.Select(m => m.Digest);

    private static StoredCopies Copies(params string[] content) => Copies([], [], content);

    /// <summary>Manifests as <c>NAME@USED BLOB:SIZE &gt;CHILD by:ACCOUNT</c>, tags as <c>TAG=NAME</c>.</summary>
    private static StoredCopies Copies(string[] pins, string[] tags, string[] content)
    {
        var (manifests, references) = (new List<UsedManifest>(), new List<UsedReference>());
        foreach (var parts in content.Select(c => c.Split(' ')))
        {
            var (name, used) = (parts[0].Split('@')[0], long.Parse(parts[0].Split('@')[1]));
            var by = parts.FirstOrDefault(p => p.StartsWith("by:", StringComparison.Ordinal))?[3..] ?? "upstream hub";
            manifests.Add(new UsedManifest(name, 1, used, by));
            foreach (var part in parts.Skip(1).Where(p => !p.StartsWith("by:", StringComparison.Ordinal)))
            {
                references.Add(part[0] == '>'
                    ? new UsedReference(name, part[1..], null)
                    : new UsedReference(name, part.Split(':')[0], long.Parse(part.Split(':')[1])));
            }
        }

        var upstream = new Upstream(new UpstreamOptions { Name = "hub", Url = new Uri("https://hub.example"), Pin = [.. pins] });
        var copies = new StoredCopies();
        Assert.True(RepositoryName.TryParse("hub/app", out var repository));
        var uses = new GivenUses(
            new UsedContent(manifests, [.. tags.Select(t => new UsedTag(t.Split('=')[0], t.Split('=')[1]))]), references);
        Assert.True(copies.AddAsync(upstream, repository, uses).IsCompletedSuccessfully);
        return copies;
    }

    /// <summary>What a repository holds, as the test says.</summary>
    private sealed class GivenUses(UsedContent content, List<UsedReference> references) : IManifestUses
    {
        public Task NoteAsync(IReadOnlyList<ManifestUse> uses) => throw new NotSupportedException();

        public ValueTask<UsedContent> ReadAsync(RepositoryName repository) => new(content);

        public ValueTask ReadReferencesAsync(RepositoryName repository, Action<UsedReference> each)
        {
            references.ForEach(each);
            return default;
        }

        public ValueTask<HeldBytes> SumAsync(string prefix, long before) => throw new NotSupportedException();
    }
}
