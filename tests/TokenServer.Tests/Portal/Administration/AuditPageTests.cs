using System.IO.Pipelines;
using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Audit;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Portal.Administration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer.Tests.Portal.Administration;

/// <summary>The audit log in the portal, and its exports.</summary>
public sealed class AuditPageTests
{
    private const string Formula = "=HYPERLINK(\"https://evil.example\")";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_newest_lines_are_found_in_rotated_files_too_and_are_text_on_the_page()
    {
        await using var host = await TokenServerHost.StartAsync();
        await WriteAsync(host.Options.AuditPath + ".1", Line("old", "2029-01-01T00:00:00.000Z", "<script>alert(1)</script>"));
        await WriteAsync(host.Options.AuditPath, Line("new", "2029-02-01T00:00:00.000Z", "alice"));
        using var admin = await AdminAsync(host);
        var page = await admin.PageAsync("/admin/audit");
        Assert.True(
            page.IndexOf("DNEW", StringComparison.Ordinal) is > 0 and var first
            && page.IndexOf("DOLD", StringComparison.Ordinal) > first, page);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        var filtered = await admin.PageAsync("/admin/audit?account=alice&since=2029-01-15&until=2029-02-02");
        Assert.Contains("DNEW", filtered, StringComparison.Ordinal);
        Assert.DoesNotContain("DOLD", filtered, StringComparison.Ordinal);
        Assert.Contains("neither a time such as", await admin.PageAsync("/admin/audit?since=%3Cb%3E", HttpStatusCode.BadRequest),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_lines_are_exported_as_they_are_and_as_csv_without_formulas()
    {
        await using var host = await TokenServerHost.StartAsync();
        var old = Line("old", "2029-01-01T00:00:00.000Z", Formula);
        await WriteAsync(host.Options.AuditPath + ".1", old);
        using var admin = await AdminAsync(host);
        using (var json = await admin.SendAsync("GET", "/admin/audit/export?format=jsonl&until=2029-12-31"))
        {
            Assert.Equal("attachment; filename=\"audit.jsonl\"", json.Content.Headers.ContentDisposition!.ToString());
            Assert.Equal(old, await json.Content.ReadAsStringAsync(Cancel));
        }

        using var csv = await admin.SendAsync("GET", "/admin/audit/export?format=csv&until=2029-12-31");
        Assert.Equal("text/csv", csv.Content.Headers.ContentType!.MediaType);
        var lines = (await csv.Content.ReadAsStringAsync(Cancel)).Split("\r\n");
        Assert.StartsWith("time,outcome,account,", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"'=HYPERLINK(\"\"https://evil.example\"\")\"", lines[1], StringComparison.Ordinal);
        using var wrong = await admin.SendAsync("GET", "/admin/audit/export?format=x");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
    }

    /// <summary>Lines that a crash, a disk or a hand has damaged.</summary>
    private static readonly byte[][] Damaged =
    [
        "{\"time\":\"2029-01"u8.ToArray(), "[]"u8.ToArray(), "{\"account\":\"\\ud800\"}"u8.ToArray(),
        [.. "{\"outcome\":\""u8, 0xff, .. "\"}"u8], "{\"asked\":[\"\\uDEAD\"]}"u8.ToArray(), "{\"\\uD800\":1}"u8.ToArray(),
    ];

    [Fact]
    public async Task Damaged_lines_are_counted_and_said_and_hide_no_others()
    {
        await using var host = await TokenServerHost.StartAsync();
        var log = host.Options.AuditPath + ".1";
        foreach (var line in Damaged) await File.AppendAllBytesAsync(log, [.. line, (byte)'\n'], Cancel);
        await WriteAsync(log, Line("whole", "2029-01-01T00:00:00.000Z", "\ud83d\ude00"));
        using var admin = await AdminAsync(host);
        foreach (var filter in (string[])["", "?account=%F0%9F%98%80&repository=team/app&since=2028-01-01&outcome=granted&action=pull"])
        {
            var page = await admin.PageAsync("/admin/audit" + filter);
            Assert.Contains("DWHOLE", page, StringComparison.Ordinal);
            Assert.Contains("6 lines of the audit log cannot be read; the first: audit.jsonl.1:1: the line is skipped", page,
                StringComparison.Ordinal);
        }

        using var json = await admin.SendAsync("GET", "/admin/audit/export?format=jsonl&repository=team/app");
        var exported = (await json.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, exported.Length);
        var last = JsonNode.Parse(exported[1])!;
        Assert.Equal(("unreadable", 6), ((string?)last["outcome"], (int?)last["count"]));
        using var csv = await admin.SendAsync("GET", "/admin/audit/export?format=csv&repository=team/app");
        Assert.Contains("\"unreadable\"", (await csv.Content.ReadAsStringAsync(Cancel)).Split("\r\n")[2], StringComparison.Ordinal);
        Assert.Contains("lines of the audit log cannot be read", await CandidatePageAsync(admin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slow_exports_block_no_search()
    {
        await using var host = await TokenServerHost.StartAsync(
            policy: TokenServerHost.Policy.Replace("admins: [admin]", "admins: [admin, alice]", StringComparison.Ordinal));
        var line = Line("old", "2029-01-01T00:00:00.000Z", new string('x', 100_000));
        for (var i = 0; i < 600; i++) await WriteAsync(host.Options.AuditPath + ".1", line); // more than connections buffer
        using var admin = await AdminAsync(host);
        using var alice = new Browser(host);
        await alice.SignInAsync();
        using var slow = await admin.OpenAsync("/admin/audit/export?format=jsonl");
        using var other = await alice.OpenAsync("/admin/audit/export?format=csv");
        using (var more = await admin.SendAsync("GET", "/admin/audit/export?format=csv"))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, more.StatusCode);
        }

        await Task.WhenAll(admin.PageAsync("/admin/audit?account=nobody"), alice.PageAsync("/admin/audit?account=nobody"));
    }

    [Fact]
    public async Task An_export_that_nobody_reads_is_broken_off_and_gives_its_turn_back()
    {
        using var folder = new TemporaryDirectory();
        var line = Line("old", "2029-01-01T00:00:00.000Z", "alice");
        await WriteAsync(folder["audit.jsonl"], string.Concat(Enumerable.Repeat(line, 2_000)));
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1024, resumeWriterThreshold: 512));
        using var aborted = new CancellationTokenSource();
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(pipe.Writer.AsStream()));
        var clock = new FakeTimeProvider(TokenServerHost.Start);
        using var turns = new WorkTurns(1, 1, TimeSpan.Zero);
        var turn = await turns.TakeAsync("admin", Cancel);
        var export = new AuditExport(
            folder["audit.jsonl"], new AuditQuery(), IsCsv: false, turn!, clock, new Lifetime(aborted), () => new(true)).SendAsync(http.Response);
        Assert.False(export.IsCompleted);
        Assert.Null(await turns.TakeAsync("admin", Cancel));
        clock.Advance(AuditPageEndpoint.MostExport);
        await export;
        Assert.True(aborted.IsCancellationRequested);
        using var next = await turns.TakeAsync("admin", Cancel);
        Assert.NotNull(next);
    }

    [Theory]
    [InlineData(false)] // the session ends
    [InlineData(true)] // the policy takes the right
    public async Task An_export_is_broken_off_when_its_reader_may_not_have_it_any_more(bool byPolicy)
    {
        await using var host = await TokenServerHost.StartAsync();
        var line = Line("old", "2029-01-01T00:00:00.000Z", new string('x', 100_000));
        await WriteAsync(host.Options.AuditPath + ".1", string.Concat(Enumerable.Repeat(line, 300))); // more than connections buffer
        using var admin = await AdminAsync(host);
        using var export = await admin.OpenAsync("/admin/audit/export?format=jsonl");
        if (byPolicy)
        {
            await File.WriteAllTextAsync(
                Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"),
                TokenServerHost.Policy.Replace("admins: [admin]", "admins: [alice]", StringComparison.Ordinal), Cancel);
            Assert.True(host.Service<PolicyStore>().Reload());
        }
        else
        {
            using var gone = await admin.SubmitAsync("/sign-out");
            Assert.Equal(HttpStatusCode.SeeOther, gone.StatusCode);
        }

        await Assert.ThrowsAnyAsync<Exception>(() => export.Content.CopyToAsync(Stream.Null, Cancel));
    }

    [Theory]
    [InlineData("=1+1", "\"'=1+1\"")]
    [InlineData(" +1", "\"' +1\"")]
    [InlineData("-1", "\"'-1\"")]
    [InlineData("@SUM(A1)", "\"'@SUM(A1)\"")]
    [InlineData("\t=1", "\"'\t=1\"")]
    [InlineData("a\"b", "\"a\"\"b\"")]
    [InlineData("a=b", "\"a=b\"")]
    [InlineData("", "\"\"")]
    [InlineData("\uff1dcmd", "\"'\uff1dcmd\"")]
    public void A_cell_is_never_a_formula(string text, string cell) => Assert.Equal(cell, AuditCsv.Cell(text));

    private static async Task<Browser> AdminAsync(TokenServerHost host)
    {
        var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        return admin;
    }

    private static async Task<string> CandidatePageAsync(Browser admin)
    {
        await admin.PageAsync("/admin/policy/candidate");
        using var compared = await admin.SubmitAsync(
            "/admin/policy/candidate", ("file", "policy.yaml"), ("content", TokenServerHost.Policy));
        return await compared.Content.ReadAsStringAsync(Cancel);
    }

    private static Task WriteAsync(string path, string content) => File.AppendAllTextAsync(path, content, Cancel);

    private static string Line(string name, string time, string account) => new JsonObject
    {
        ["time"] = time, ["decision"] = $"D{name.ToUpperInvariant()}", ["outcome"] = "granted", ["account"] = account,
        ["asked"] = new JsonArray("repository:team/app:pull"),
    }.ToJsonString() + "\n";

    private sealed class Lifetime(CancellationTokenSource aborted) : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; } = aborted.Token;

        public void Abort() => aborted.Cancel();
    }
}
