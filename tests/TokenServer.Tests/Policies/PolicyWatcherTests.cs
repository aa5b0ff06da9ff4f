using System.Diagnostics;
using System.Threading.Channels;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Tests.Policies;

public sealed class PolicyWatcherTests : IAsyncDisposable
{
    private readonly PolicyFolder folder = new();
    private readonly LogLines log = new();
    private PolicyWatcher? watcher;

    public async ValueTask DisposeAsync()
    {
        if (watcher is not null) await watcher.StopAsync(CancellationToken.None);
        watcher?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task An_edit_in_place_is_noticed()
    {
        folder.Write("a.yaml", Allow("pull"));
        var store = await Watch();
        folder.Write("a.yaml", Allow("push"));
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "push");
    }

    [Fact]
    public async Task A_rename_over_the_file_is_noticed()
    {
        folder.Write("a.yaml", Allow("pull"));
        var store = await Watch();
        folder.Write("a.yaml.new", Allow("push"));
        File.Move(folder["a.yaml.new"], folder["a.yaml"], overwrite: true);
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "push");
    }

    [Fact]
    public async Task A_new_file_and_a_removed_file_are_noticed()
    {
        folder.Write("a.yaml", Allow("pull"));
        var store = await Watch();
        folder.Write("b.yaml", Allow("push", "b"));
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "pull,push");
        File.Delete(folder["a.yaml"]);
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "push");
    }

    [Fact]
    public async Task The_exchange_of_a_mounted_config_map_is_noticed()
    {
        // As the kubelet lays it out: files are links through ..data, which is a link to a directory of one version.
        Directory.CreateDirectory(folder["..v1"]);
        folder.Write("..v1/a.yaml", Allow("pull"));
        File.CreateSymbolicLink(folder["..data"], "..v1");
        File.CreateSymbolicLink(folder["a.yaml"], "..data/a.yaml");
        var store = await Watch();

        Directory.CreateDirectory(folder["..v2"]);
        folder.Write("..v2/a.yaml", Allow("push"));
        File.SetLastWriteTimeUtc(folder["..v2/a.yaml"], File.GetLastWriteTimeUtc(folder["..v1/a.yaml"]));
        File.CreateSymbolicLink(folder["..data_tmp"], "..v2");
        Rename(folder["..data_tmp"], folder["..data"]);
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "push");
    }

    [Fact]
    public async Task An_edit_outside_the_directory_that_a_link_leads_to_is_noticed_by_looking()
    {
        using var elsewhere = new PolicyFolder();
        elsewhere.Write("real.yaml", Allow("pull"));
        File.CreateSymbolicLink(folder["a.yaml"], elsewhere["real.yaml"]);
        var store = await Watch();
        elsewhere.Write("real.yaml", Allow("push"));
        await Becomes(() => store.Current.Granted("alice", "x:pull,push") == "push");
    }

    [Fact]
    public async Task A_bad_edit_shows_as_degraded_and_the_next_good_one_heals_it()
    {
        folder.Write("a.yaml", Allow("pull"));
        var store = await Watch();
        folder.Write("a.yaml", "version: 1\nrules: [{ id: a,");
        await Becomes(() => store.Degraded is not null);
        Assert.Equal("pull", store.Current.Granted("alice", "x:pull,push"));
        folder.Write("a.yaml", Allow("push"));
        await Becomes(() => store.Degraded is null);
        Assert.Equal("push", store.Current.Granted("alice", "x:pull,push"));
    }

    [Fact]
    public async Task Every_edit_in_a_quick_row_of_many_leads_to_the_last_one()
    {
        folder.Write("a.yaml", Allow("pull"));
        var store = await Watch();
        for (var i = 0; i < 50; i++) folder.Write("a.yaml", Allow("pull", $"rule-{i}"));
        await Becomes(() => store.Current.Rules[0].Id == "rule-49");
        Assert.Null(store.Degraded);
    }

    [Fact]
    public async Task The_half_that_a_pausing_writer_has_written_does_not_come_into_force()
    {
        // The first half is a sound policy, without the denial that the second half holds.
        const string half = "version: 1\nrules:\n- { id: a, to: [user:alice], allow: [pull], on: [\"**\"] }\n";
        const string rest = "- { id: keep-out, to: [anyone], deny: [pull], on: [\"secret/**\"] }\n";
        folder.Write("a.yaml", "version: 1\nrules: []");
        var pauses = new HeldPauses();
        var store = PolicyStore.Open(folder.Path, TimeProvider.System, log.For<PolicyStore>());
        watcher = new PolicyWatcher(store, Loops.Of(pauses), log.For<PolicyWatcher>());
        await watcher.StartAsync(TestContext.Current.CancellationToken);

        using (var writer = new StreamWriter(folder["a.yaml"], append: false))
        {
            await writer.WriteAsync(half);
            await writer.FlushAsync(TestContext.Current.CancellationToken);
            var (length, end) = await pauses.Reader.ReadAsync(TestContext.Current.CancellationToken);
            Assert.True(length >= TimeSpan.FromSeconds(1), $"files are read {length} after a write");
            await writer.WriteAsync(rest);
            await writer.FlushAsync(TestContext.Current.CancellationToken);
            end();
        }

        var again = await pauses.Reader.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Empty(store.Current.Rules);
        again.End();
        await Becomes(() => store.Current.Rules.Count == 2);
    }

    private static string Allow(string action, string id = "a") =>
        $"version: 1\nrules: [{"{"} id: {id}, to: [user:alice], allow: [{action}], on: [\"**\"] {"}"}]";

    // rename(2), which exchanges a link in one step; File.Move refuses to go over a link to a directory.
    private static void Rename(string from, string to)
    {
        using var process = Process.Start("mv", ["-T", from, to]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static async Task Becomes(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "It did not become so in 20 seconds.");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private async Task<PolicyStore> Watch()
    {
        var store = PolicyStore.Open(folder.Path, TimeProvider.System, log.For<PolicyStore>());
        watcher = new PolicyWatcher(
            store, Loops.Of(TimeProvider.System),
            log.For<PolicyWatcher>()) { Interval = TimeSpan.FromMilliseconds(50), Settling = TimeSpan.FromMilliseconds(10) };
        await watcher.StartAsync(TestContext.Current.CancellationToken);
        return store;
    }

    /// <summary>Gives every pause to the test, which ends it; timers that repeat run by the real clock.</summary>
    private sealed class HeldPauses : TimeProvider
    {
        private readonly Channel<(TimeSpan Length, Action End)> pauses = Channel.CreateUnbounded<(TimeSpan, Action)>();

        public ChannelReader<(TimeSpan Length, Action End)> Reader => pauses.Reader;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan) return System.CreateTimer(callback, state, dueTime, period);
            pauses.Writer.TryWrite((dueTime, () => callback(state)));
            return System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
