using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>"Why was I denied": from the audit log, and never about somebody else.</summary>
public sealed partial class DenialsPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_denial_is_shown_with_its_reason_to_whoever_was_denied_and_to_nobody_else()
    {
        await using var host = await TokenServerHost.StartAsync();
        var mine = await DenyAsync(host, "team/app", "alice", TokenServerHost.AlicePassword);
        using (var failed = await host.GetAsync("/token?service=registry", "alice", "wrong")) Assert.False(failed.IsSuccessStatusCode);
        using var browser = new Browser(host);
        await browser.SignInAsync();
        var page = await browser.PageAsync("/access/denials");
        Assert.Contains($"<h2>{mine}</h2>", page, StringComparison.Ordinal);
        Assert.Contains("repository:team/app:pull: no rule allows alice", page, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong password", page, StringComparison.Ordinal);
        Assert.Contains(mine, await browser.PageAsync($"/access/denials?decision={mine.ToLowerInvariant()}"), StringComparison.Ordinal);

        using var other = new Browser(host);
        await other.SignInAsync("admin", TokenServerHost.AdminPassword);
        Assert.DoesNotContain("team/app", await other.PageAsync("/access/denials"), StringComparison.Ordinal);
        var unknown = await other.PageAsync("/access/denials?decision=00000000", HttpStatusCode.NotFound);
        var hidden = await other.PageAsync($"/access/denials?decision={mine}", HttpStatusCode.NotFound);
        Assert.Equal(Body(unknown, "00000000"), Body(hidden, mine)); // nothing tells whether the decision exists
    }

    [Fact]
    public async Task Rotated_files_are_read_too_the_newest_first_and_torn_lines_are_passed_over()
    {
        using var folder = new TemporaryDirectory();
        using (var old = new GZipStream(File.Create(folder["audit.jsonl.2.gz"]), CompressionMode.Compress))
        {
            old.Write(Encoding.UTF8.GetBytes(Line("AAAAAAAA", "al<i>ce", "refused") + Line("BBBBBBBB", "bob", "refused")));
        }

        await File.WriteAllTextAsync(folder["audit.jsonl.1"], "torn \"account\":\"al<i>ce\"\n" + Line("CCCCCCCC", "al<i>ce", "refused"), Cancel);
        await File.WriteAllTextAsync(
            folder["audit.jsonl"], Line("DDDDDDDD", "al<i>ce", "granted") + Line("EEEEEEEE", "al<i>ce", "partly") + Line("F", "al", "refused"),
            Cancel);
        using var decisions = new OwnDecisions(folder["audit.jsonl"]);
        Assert.Equal(["EEEEEEEE", "CCCCCCCC", "AAAAAAAA"], (await decisions.DenialsAsync("al<i>ce", 10, Cancel)).Select(e => e.Decision));
        Assert.Equal(["EEEEEEEE", "CCCCCCCC"], (await decisions.DenialsAsync("al<i>ce", 2, Cancel)).Select(e => e.Decision));
        Assert.Equal("DDDDDDDD", (await decisions.FindAsync("al<i>ce", "dddddddd", Cancel))?.Decision);
        Assert.Null(await decisions.FindAsync("al<i>ce", "BBBBBBBB", Cancel));
    }

    [Fact]
    public async Task Of_a_long_log_the_end_is_read()
    {
        using var folder = new TemporaryDirectory();
        var filler = Encoding.UTF8.GetBytes(Line("AAAAAAAA", "alice", "refused") + string.Concat(Enumerable.Repeat(new string('x', 4000) + "\n", 100)));
        await using (var log = File.Create(folder["audit.jsonl"]))
        {
            for (var length = 0; length < OwnDecisions.MaxBytes + filler.Length; length += filler.Length) await log.WriteAsync(filler, Cancel);
            await log.WriteAsync(Encoding.UTF8.GetBytes(Line("BBBBBBBB", "alice", "refused")), Cancel);
        }

        File.Copy(folder["audit.jsonl"], folder["audit.jsonl.1"]); // not read any more
        using var decisions = new OwnDecisions(folder["audit.jsonl"]);
        Assert.Equal(["BBBBBBBB", "AAAAAAAA"], (await decisions.DenialsAsync("alice", 2, Cancel)).Select(e => e.Decision));
        Assert.InRange((await decisions.DenialsAsync("alice", 10_000, Cancel)).Count, 2, 200);
    }

    private static string Line(string decision, string account, string outcome) =>
        "{\"time\":\"2030-01-02T03:04:05.000Z\",\"decision\":\"" + decision + "\",\"outcome\":\"" + outcome + "\",\"account\":\"" + account
        + "\",\"signedInBy\":\"htpasswd\",\"groups\":[],\"address\":null,\"service\":\"registry\",\"asked\":[],\"granted\":[],\"refused\":[],"
        + "\"allowedBy\":[],\"policy\":null,\"reason\":null}\n";

    private static string Body(string page, string decision) => page[page.IndexOf("<main", StringComparison.Ordinal)..]
        .Replace(decision, "", StringComparison.Ordinal);

    private static async Task<string> DenyAsync(TokenServerHost host, string repository, string user, string password)
    {
        using var answer = await host.GetAsync($"/token?service=registry&scope=repository:{repository}:pull", user, password);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var id = "";
        await Eventually.TrueAsync(
            () => (id = Refused().Match(File.Exists(host.Options.AuditPath) ? File.ReadAllText(host.Options.AuditPath) : "")
                .Groups["id"].Value).Length > 0,
            TimeSpan.FromSeconds(30), () => "no refusal is in the audit log");
        return id;
    }

    [GeneratedRegex("\"decision\":\"(?<id>[0-9A-Z]+)\",\"outcome\":\"refused\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Refused();
}
