using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using AuthIndex.Hosting.Audit;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Tests.Audit;

public sealed class AuditSummaryTests : IDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Identical_grants_are_one_line_now_and_one_with_their_number_later()
    {
        var written = await WriteAsync(TimeSpan.FromMinutes(1), add =>
        {
            for (var i = 0; i < 1000; i++) add(Granted("alice", $"D{i}"));
            add(Granted("bob", "B0"));
        });
        Assert.Equal(
            [("alice", "D0", 1L), ("bob", "B0", 1L), ("alice", "D999", 999L)], written.Select(e => (e.Account, e.Decision, e.Count)));
        Assert.NotNull(written[^1].Since);
    }

    [Fact]
    public async Task Grants_that_differ_in_anything_an_auditor_asks_for_have_lines_of_their_own()
    {
        AuditEntry[] all =
        [
            Granted("alice", "A"), Granted("alice", "B") with { Address = "192.0.2.9" },
                Granted("alice", "C") with { Granted = ["repository:other:pull"] },
            Granted("alice", "D") with { Policy = "another" }, Granted("alice", "E") with { SignedInBy = "ldap" },
                Granted("alice", "F") with { Grant = "id" }, Granted("alice", "G") with { Service = "other" },
        ];
        Assert.Equal(
            all.Select(e => e.Decision),
            (await WriteAsync(TimeSpan.FromMinutes(1), add => Array.ForEach(all, e => add(e)))).Select(e => e.Decision));
    }

    [Fact]
    public async Task Where_nothing_is_to_be_gathered_each_grant_has_a_line() =>
        Assert.Equal(
            100, (await WriteAsync(TimeSpan.Zero, add => { for (var i = 0; i < 100; i++) add(Granted("alice", $"D{i}")); })).Count);

    [Fact]
    public async Task What_an_account_is_refused_has_a_line_each_time() =>
        Assert.Equal(
            200,
            (await WriteAsync(
                TimeSpan.FromMinutes(1),
                add => { for (var i = 0; i < 200; i++) add(Granted("alice", $"D{i}") with { Outcome = AuditOutcome.Refused }); })).Count);

    [Fact]
    public async Task A_flood_of_refusals_of_one_account_is_summarized_and_drops_nothing_of_others_nor_what_was_granted()
    {
        const int flood = 2000, each = AuditSummary.AccountBurst;
        var written = await WriteAsync(TimeSpan.FromMinutes(1), add =>
        {
            for (var i = 0; i < flood; i++) add(Granted("mallory", $"M{i}") with { Outcome = AuditOutcome.Refused, Granted = [] });
            add(Granted("mallory", "partly") with { Outcome = AuditOutcome.Partly, Granted = ["repository:mine:pull"] });
            add(Granted("alice", "A") with { Outcome = AuditOutcome.Refused });
        });
        Assert.Equal(each, written.Count(e => e.Account == "mallory" && e is { Outcome: AuditOutcome.Refused, Count: 1 }));
        var rest = Assert.Single(written, e => e.Count > 1);
        Assert.Equal(("mallory", $"M{flood - 1}", flood - each), (rest.Account, rest.Decision, (int)rest.Count));
        Assert.StartsWith(
            $"{flood - each} refused requests of the account were not logged separately", rest.Reason, StringComparison.Ordinal);
        Assert.Single(written, e => e.Decision == "partly");
        Assert.Single(written, e => e.Decision == "A");
    }

    [Fact]
    public async Task A_flood_of_failed_sign_ins_from_one_address_is_summarized()
    {
        const int flood = 500, each = AuditSummary.FailedPerAddress;
        var written = await WriteAsync(TimeSpan.FromMinutes(1), add =>
        {
            for (var i = 0; i < flood; i++)
            {
                add(Granted($"typed-{i}", $"F{i}") with
                {
                    Outcome = AuditOutcome.SignInFailed, SignedInBy = null, Granted = [], Reason = "wrong password",
                });
            }
        });
        Assert.Equal(each, written.Count(e => e.Count == 1));
        Assert.Equal(
            $"{flood - each} failed sign-ins were not logged separately; this is the last of them: wrong password",
            Assert.Single(written, e => e.Count > 1).Reason);
    }

    [Fact]
    public async Task What_is_refused_leaves_room_in_the_queue_for_what_is_granted_and_for_acts()
    {
        using var meter = new Meter("AuthIndex.Test");
        using var file = new AuditFile(folder["audit.jsonl"], new AuditRotation(), clock);
        using var log = new AuditLog(file, new TokenMetrics(meter), Loops.Of(clock), new LogRecorder().For<AuditLog>());

        // Nothing is written before it starts.
        for (var i = 0; i < AuditLog.Waiting; i++) log.Add(Granted("mallory", $"R{i}") with { Outcome = AuditOutcome.Refused });
        for (var i = 0; i < AuditLog.Waiting; i++) log.Add(Granted("alice", $"G{i}"));
        log.Add(new AdministrativeAct(clock.GetUtcNow(), "accounts suspend", "root", ["mallory"], AdministrativeAct.Done, null));
        await log.StartAsync(Cancel);
        await log.StopAsync(Cancel);
        var lines = await File.ReadAllLinesAsync(folder["audit.jsonl"], Cancel);
        Assert.Equal(AuditLog.Waiting / 2, lines.Count(l => l.Contains("\"mallory\",\"signedInBy\"", StringComparison.Ordinal)));
        Assert.Equal(AuditLog.Waiting * 4 / 10, lines.Count(l => l.Contains("\"alice\"", StringComparison.Ordinal)));
        Assert.Contains("accounts suspend", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_is_bounded_and_says_what_it_leaves_out()
    {
        var texts = Enumerable.Range(0, 500).Select(i => $"repository:{new string('x', 400)}/{i}:pull").ToList();
        await WriteAsync(
            TimeSpan.Zero,
            add => add(
                Granted(
                    new string('a', 5000),
                    "D") with { Asked = texts, Granted = texts, AllowedBy = texts, Groups = texts, Outcome = AuditOutcome.Partly,
                        Refused = [.. texts.Select(t => new AuditRefusal(t, t, texts))] }));
        var line = Assert.Single(await File.ReadAllLinesAsync(folder["audit.jsonl"], Cancel));
        Assert.InRange(Encoding.UTF8.GetByteCount(line), 1, 64 * 1024);
        Assert.Null(AuditEntry.Parse(Encoding.UTF8.GetBytes(line), out var entry));
        Assert.True(entry!.Omitted > 2000, $"{entry.Omitted}");
    }

    private static AuditEntry Granted(string account, string decision) => new(
        TokenServerHost.Start, decision, AuditOutcome.Granted, account, "htpasswd", [], "192.0.2.1", "registry", ["repository:a:pull"],
        ["repository:a:pull"], [], ["rule (policy.yaml:1)"], "0123456789ab", null);

    /// <summary>The lines after the log has stopped.</summary>
    private async Task<List<AuditEntry>> WriteAsync(TimeSpan gather, Action<Action<AuditEntry>> work)
    {
        var loops = Loops.Of(clock);
        using var meter = new Meter("AuthIndex.Test");
        using var file = new AuditFile(folder["audit.jsonl"], new AuditRotation(), clock);
        using var log = new AuditLog(file, new TokenMetrics(meter), loops, new LogRecorder().For<AuditLog>());
        using var summary = new AuditSummary(log, new AuditOptions { Gather = gather }, loops);
        await log.StartAsync(Cancel);
        await summary.StartAsync(Cancel);
        work(entry => summary.Add(entry, IPAddress.Parse("192.0.2.1")));
        await summary.StopAsync(Cancel);
        await log.StopAsync(Cancel);
        return [
            .. (await File.ReadAllLinesAsync(folder["audit.jsonl"], Cancel)).Select(
                l => AuditEntry.Parse(Encoding.UTF8.GetBytes(l), out var entry) is { } problem
                ? throw new FormatException(problem)
                : entry!)];
    }
}
