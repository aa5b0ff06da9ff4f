using System.Net;
using System.Text;
using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Tests.Audit;

public sealed class AuditLogTests
{
    private const string Frozen = TokenServerHost.Policy + """
          - id: freeze
            to: [anyone]
            deny: [push]
            on: ["users/**"]
        """;

    [Fact]
    public async Task A_refusal_stands_in_the_log_under_the_id_that_the_token_carries()
    {
        await using var server = await TokenServerHost.StartAsync(policy: Frozen);
        using var answer = await server.GetAsync(
            "/token?service=registry&scope=repository:users/alice/app:pull,push", "alice", TokenServerHost.AlicePassword);
        var refusal = Claims(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("refused")[0];

        var entry = await EntryAsync(server, e => e.Account == "alice");
        Assert.Equal(refusal.GetProperty("decision").GetString(), entry.Decision);
        Assert.Equal(AuditOutcome.Partly, entry.Outcome);
        Assert.Equal(("htpasswd", "127.0.0.1", "registry"), (entry.SignedInBy, entry.Address, entry.Service));
        Assert.Equal(["repository:users/alice/app:pull,push"], entry.Asked);
        Assert.Equal(["repository:users/alice/app:pull"], entry.Granted);
        var refused = Assert.Single(entry.Refused);
        Assert.Equal("repository:users/alice/app:push", refused.Scope);
        Assert.Equal(refusal.GetProperty("reason").GetString(), refused.Reason);
        Assert.StartsWith("freeze (policy.yaml:", Assert.Single(refused.Rules), StringComparison.Ordinal);
        Assert.StartsWith("own-namespace (policy.yaml:", Assert.Single(entry.AllowedBy), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{12}$", entry.Policy);
    }

    [Fact]
    public async Task A_failed_sign_in_is_told_to_the_client_by_its_id_and_its_cause_to_the_log_alone()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var answer = await server.GetAsync("/token?service=registry", "alice", "not her password");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        var told = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        var entry = await EntryAsync(server, e => e.Outcome == AuditOutcome.SignInFailed);
        Assert.Contains($"(decision {entry.Decision})", told, StringComparison.Ordinal);
        Assert.Equal(("alice", "wrong password"), (entry.Account, entry.Reason));
        Assert.DoesNotContain("not her password", await ReadAsync(server), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_is_rotated_away_goes_on_in_a_new_file()
    {
        await using var server = await TokenServerHost.StartAsync();
        using (await server.GetAsync("/token?service=registry&scope=repository:public/one:pull"))
        {
            await EntryAsync(server, e => e.Asked is ["repository:public/one:pull"]);
        }

        File.Move(server.Options.AuditPath, server.Options.AuditPath + ".1");
        using (await server.GetAsync("/token?service=registry&scope=repository:public/two:pull"))
        {
            await EntryAsync(server, e => e.Asked is ["repository:public/two:pull"]);
        }

        Assert.DoesNotContain("public/one", await ReadAsync(server), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "public/two", await File.ReadAllTextAsync(server.Options.AuditPath + ".1", TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_waits_is_written_when_the_server_stops()
    {
        string path;
        using var kept = new TemporaryDirectory();
        await using (var server = await TokenServerHost.StartAsync(o => o.DataDirectory = CopyOf(o.DataDirectory, kept.Root)))
        {
            path = server.Options.AuditPath;
            for (var i = 0; i < 50; i++) (await server.GetAsync($"/token?service=registry&scope=repository:public/n{i}:pull")).Dispose();
        }

        Assert.Equal(50, (await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task A_disk_that_refuses_stops_no_decision_and_nothing_that_waits_is_lost()
    {
        await using var server = await TokenServerHost.StartAsync();
        Directory.CreateDirectory(server.Options.AuditPath); // where a folder stands no file can be opened
        using (var answer = await server.GetAsync("/token?service=registry&scope=repository:public/app:pull"))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await Eventually.TrueAsync(
            () => server.Log.Text.Contains("The background loop auditLog failed", StringComparison.Ordinal), TimeSpan.FromSeconds(10),
            () => server.Log.Text);

        Directory.Delete(server.Options.AuditPath);
        await EntryAsync(server, e => e.Asked is ["repository:public/app:pull"]);
    }

    [Fact]
    public async Task A_disk_that_refuses_even_to_take_lines_back_ends_nothing_and_readiness_says_so()
    {
        await using var server = await TokenServerHost.StartAsync();
        File.CreateSymbolicLink(server.Options.AuditPath, "/dev/full"); // every write is refused, and every cut
        using (var answer = await server.GetAsync("/token?service=registry&scope=repository:public/one:pull"))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await Eventually.TrueAsync(
            async () => (await ReadyAsync(server)).Contains("auditLog is failing since", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => server.Log.Text);
        using (var answer = await server.GetAsync("/token?service=registry&scope=repository:public/two:pull"))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        File.Delete(server.Options.AuditPath);
        await EntryAsync(server, e => e.Asked is ["repository:public/one:pull"]);
        await EntryAsync(server, e => e.Asked is ["repository:public/two:pull"]);
        await Eventually.TrueAsync(
            async () => !(await ReadyAsync(server)).Contains("auditLog", StringComparison.Ordinal), TimeSpan.FromSeconds(20),
            () => server.Log.Text);
    }

    private static async Task<string> ReadyAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync("/healthz/ready");
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private static string CopyOf(string from, string to)
    {
        var copy = Path.Combine(to, "data");
        Directory.Move(from, copy);
        return copy;
    }

    private static JsonElement Claims(string answer)
    {
        using var json = JsonDocument.Parse(answer);
        var payload = json.RootElement.GetProperty("token").GetString()!.Split('.')[1];
        using var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(payload));
        return claims.RootElement.Clone();
    }

    private static async Task<AuditEntry> EntryAsync(TokenServerHost server, Func<AuditEntry, bool> wanted)
    {
        AuditEntry? found = null;
        await Eventually.TrueAsync(
            async () =>
                (found = (await ReadAsync(server)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)
                    .FirstOrDefault(wanted)) is not null,
            TimeSpan.FromSeconds(20),
            () => File.Exists(server.Options.AuditPath) ? File.ReadAllText(server.Options.AuditPath) : "no audit log");
        return found!;
    }

    private static AuditEntry Parse(string line) =>
        AuditEntry.Parse(Encoding.UTF8.GetBytes(line), out var entry) is { } problem
        ? throw new FormatException($"{problem}: {line}")
        : entry!;

    private static async Task<string> ReadAsync(TokenServerHost server) =>
        File.Exists(server.Options.AuditPath) ? await File.ReadAllTextAsync(server.Options.AuditPath) : "";
}
