using AuthIndex.TokenServer.Policies;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Policies;

public sealed class PolicyStoreTests : IDisposable
{
    private const string Everything = "version: 1\nrules: [{ id: all, to: [user:alice], allow: [pull, push], on: [\"**\"] }]";
    private const string PullOnly = "version: 1\nrules: [{ id: all, to: [user:alice], allow: [pull], on: [\"**\"] }]";
    private const string Broken = "version: 1\nrules: [{ id: all, to: [user:alice], allow: [pul], on: [\"**\"] }]";

    private readonly PolicyFolder folder = new();
    private readonly LogLines log = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_bad_policy_at_start_is_an_exception_that_names_every_problem()
    {
        folder.Write("a.yaml", Broken);
        var exception = Assert.Throws<PolicyException>(Open);
        Assert.Equal($"{folder["a.yaml"]}:2:46: 'pul' is not an action; did you mean 'pull'?", exception.Message);
        Assert.Single(exception.Problems);
    }

    [Fact]
    public void An_empty_or_missing_directory_is_no_policy()
    {
        Assert.Equal(
            $"{folder.Path}: it contains no *.yaml file; a policy needs at least one", Assert.Throws<PolicyException>(Open).Message);
        Assert.StartsWith(
            "/nonexistent/policies: cannot be read completely: ",
            Assert.Throws<PolicyException>(
                () => PolicyStore.Open("/nonexistent/policies", TimeProvider.System, NullLogger<PolicyStore>.Instance)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void A_sound_edit_comes_into_force_and_requests_keep_the_policy_they_began_with()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        var before = store.Current;
        folder.Write("a.yaml", PullOnly);
        Assert.True(store.HasChanged(out _));
        Assert.True(store.Reload());
        Assert.Equal("pull,push", before.Granted("alice", "x:pull,push"));
        Assert.Equal("pull", store.Current.Granted("alice", "x:pull,push"));
        Assert.NotEqual(before.Revision, store.Current.Revision);
        Assert.False(store.HasChanged(out _));
    }

    [Fact]
    public void A_bad_edit_changes_nothing_is_logged_once_and_shows_as_degraded()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        var before = store.Current;
        folder.Write("a.yaml", Broken);
        Assert.False(store.Reload());
        Assert.False(store.HasChanged(out _));
        Assert.False(store.Reload());
        Assert.Same(before, store.Current);
        Assert.Equal($"{folder["a.yaml"]}:2:46: 'pul' is not an action; did you mean 'pull'?", store.Degraded);
        Assert.Single(store.LastProblems);
        Assert.Single(log.At(LogLevel.Error), line => line.Contains(store.Degraded!, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(PullOnly, "pull")]
    [InlineData(Everything, "pull,push")]
    public void The_next_good_edit_heals_it(string next, string granted)
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        folder.Write("a.yaml", Broken);
        store.Reload();
        folder.Write("a.yaml", next);
        Assert.True(store.HasChanged(out _));
        Assert.True(store.Reload());
        Assert.Null(store.Degraded);
        Assert.Empty(store.LastProblems);
        Assert.Equal(granted, store.Current.Granted("alice", "x:pull,push"));
    }

    [Fact]
    public void A_failing_test_in_a_file_keeps_an_edit_out()
    {
        folder.Write("a.yaml", Everything);
        folder.Write("b.yaml", "version: 1\ntests: [alice can push x]");
        var store = Open();
        folder.Write("a.yaml", PullOnly);
        Assert.False(store.Reload());
        Assert.Contains("the test 'alice can push x' fails", store.Degraded, StringComparison.Ordinal);
        Assert.Equal("push", store.Current.Granted("alice", "x:push"));
    }

    [Fact]
    public void Files_that_cannot_all_be_read_change_nothing()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        folder.Write("a.yaml", PullOnly);
        File.CreateSymbolicLink(folder["b.yaml"], folder["gone.yaml"]);
        Assert.False(store.Reload());
        Assert.Equal("push", store.Current.Granted("alice", "x:push"));
        Assert.NotNull(store.Degraded);

        // What cannot be read may be readable at any time, without a trace in the directory.
        Assert.True(store.HasChanged(out _));
        File.Delete(folder["b.yaml"]);
        Assert.True(store.Reload());
        Assert.Equal("", store.Current.Granted("alice", "x:push"));
    }

    [Fact]
    public void A_directory_that_vanishes_changes_nothing()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        File.Delete(folder["a.yaml"]);
        Assert.False(store.Reload());
        Assert.Equal("push", store.Current.Granted("alice", "x:push"));
    }

    [Theory]
    [InlineData(".a.yaml.swp")]
    [InlineData(".#a.yaml")]
    [InlineData("a.yaml~")]
    [InlineData("#a.yaml#")]
    [InlineData(".hidden.yaml")]
    [InlineData("4913")]
    [InlineData("a.yaml.swp")]
    public void What_editors_leave_behind_is_no_policy_file(string name)
    {
        folder.Write("a.yaml", Everything);
        folder.Write(name, "not: [a policy");
        var store = Open();
        Assert.Equal("push", store.Current.Granted("alice", "x:push"));
        File.Delete(folder[name]);
        Assert.False(store.HasChanged(out _));
    }

    [Fact]
    public void A_file_too_large_is_refused_without_being_read()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        using (var file = File.Create(folder["b.yaml"])) file.SetLength(100_000_000);
        Assert.False(store.Reload());
        Assert.Equal($"{folder["b.yaml"]}: the file has 100000000 bytes; at most 16777216 are read", store.Degraded);
    }

    [Fact]
    public void Files_written_since_they_were_seen_are_left_alone()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        folder.Write("a.yaml", PullOnly);
        Assert.True(store.HasChanged(out var seen));
        folder.Write("b.yaml", "version: 1");
        Assert.False(store.ReloadUnchanged(seen));
        Assert.Equal("push", store.Current.Granted("alice", "x:push"));

        Assert.True(store.HasChanged(out seen));
        Assert.True(store.ReloadUnchanged(seen));
        Assert.Equal("", store.Current.Granted("alice", "x:push"));
    }

    [Fact]
    public void The_same_content_written_again_counts_as_a_write()
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        folder.Write("a.yaml", PullOnly);
        File.SetLastWriteTimeUtc(folder["a.yaml"], new DateTime(2027, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.True(store.HasChanged(out var seen));
        folder.Write("a.yaml", PullOnly);
        Assert.False(store.ReloadUnchanged(seen));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("a.yaml")]
    public void What_cannot_be_a_policy_is_reported_though_it_stays_the_same(string? emptied)
    {
        folder.Write("a.yaml", Everything);
        var store = Open();
        if (emptied is null) File.Delete(folder["a.yaml"]);
        else folder.Write(emptied, "");
        Assert.True(store.HasChanged(out var seen));
        Assert.True(store.ReloadUnchanged(seen));
        Assert.NotNull(store.Degraded);
    }

    [Fact]
    public void A_candidate_is_not_said_to_be_in_force()
    {
        folder.Write("a.yaml", Everything);
        var store = PolicyStore.Open(folder.Path, TimeProvider.System, log.For<PolicyStore>(), isCandidate: true);
        folder.Write("a.yaml", PullOnly);
        Assert.True(store.Reload());
        folder.Write("a.yaml", Broken);
        Assert.False(store.Reload());
        folder.Write("a.yaml", PullOnly);
        Assert.True(store.Reload());

        string[] lines = [.. log.At(LogLevel.Information), .. log.At(LogLevel.Error)];
        Assert.Equal(4, lines.Length);
        Assert.DoesNotContain(
            lines, line => line.Contains(" is in force", StringComparison.Ordinal) || line.Contains("in force:", StringComparison.Ordinal));
        Assert.Equal(2, lines.Count(line => line.StartsWith("Candidate policy ", StringComparison.Ordinal)));
        Assert.All(lines, line => Assert.Contains(folder.Path, line, StringComparison.Ordinal));
    }

    private PolicyStore Open() => PolicyStore.Open(folder.Path, TimeProvider.System, log.For<PolicyStore>());
}
