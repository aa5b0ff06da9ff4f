using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Commands;

/// <summary>Administrative commands in the audit log, and what is found there.</summary>
public sealed class AuditCommandTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "TokenServer");

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task What_an_administrator_does_leaves_a_line_with_who_what_when_and_how_it_ended()
    {
        Assert.Equal(0, (await RunAsync("", "init")).ExitCode);
        Assert.Equal(0, (await RunAsync("a long password\n", "users", "add", "alice")).ExitCode);
        Assert.Equal(0, (await RunAsync("", "accounts", "suspend", "alice", "--reason", "left \"the company\", says Zoë")).ExitCode);
        Assert.Equal(1, (await RunAsync("", "accounts", "suspend", "alice")).ExitCode);
        Assert.Equal(0, (await RunAsync("", "accounts", "list")).ExitCode); // changes nothing

        var lines = (await RunAsync("", "audit", "--json")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(["users add", "accounts suspend", "accounts suspend"], lines.Select(l => (string?)l["action"]));
        Assert.Equal(["done", "done", "failed"], lines.Select(l => (string?)l["outcome"]));
        Assert.Equal(["alice", "--reason", "left \"the company\", says Zoë"], lines[1]["arguments"]!.AsArray().Select(a => (string?)a));
        Assert.Contains("already suspended", (string?)lines[2]["reason"], StringComparison.Ordinal);
        Assert.All(lines, l => Assert.Matches($"^[0-9]+:{Environment.UserName}", (string?)l["by"]));
        var text = await File.ReadAllTextAsync(directory["data/token-server/audit.jsonl"], TestContext.Current.CancellationToken);
        Assert.Contains("left \\\"the company\\\", says Zoë", text, StringComparison.Ordinal); // people search it
        Assert.DoesNotContain("a long password", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_are_found_by_account_repository_outcome_decision_action_and_time_over_rotated_files()
    {
        directory.Folder("data/token-server");
        var log = directory["data/token-server/audit.jsonl"];
        await File.WriteAllTextAsync(
            log + ".1", Decision("2027-01-01T00:00:00.000Z", "AAAAAAAA", "alice", "refused", "repository:team/app:push") + Act(
                "2027-01-02T00:00:00.000Z", "users remove", "bob"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            log, Decision("2027-01-03T00:00:00.000Z", "BBBBBBBB", "bob", "granted", "repository:team/app:pull") + "torn\n" + Act(
                "2027-01-04T00:00:00.000Z", "keys rotate"), TestContext.Current.CancellationToken);

        await ExpectAsync("2027-01-01 2027-01-02 2027-01-03 2027-01-04");
        await ExpectAsync("2027-01-02 2027-01-03", "--account", "bob");
        await ExpectAsync("2027-01-01 2027-01-03", "--repository", "team/app");
        await ExpectAsync("2027-01-01", "--outcome", "refused");
        await ExpectAsync("2027-01-03", "--decision", "bbbbbbbb");
        await ExpectAsync("2027-01-01", "--action", "push");
        await ExpectAsync("2027-01-02", "--action", "users");
        await ExpectAsync("2027-01-02 2027-01-03", "--since", "2027-01-02", "--until", "2027-01-04");
        Assert.Equal(1, (await RunAsync("", "audit", "--since", "yesterday")).ExitCode);

        var bogus = await RunAsync("", "audit", "--outcome", "bogus");
        Assert.Equal(2, bogus.ExitCode);
        Assert.StartsWith(
            "error: argument 'bogus' not recognized. Must be one of: 'granted' 'partly' 'refused'", bogus.Error, StringComparison.Ordinal);
    }

    private async Task ExpectAsync(string days, params string[] filters)
    {
        var found = await RunAsync("", ["audit", .. filters]);
        Assert.True(found.ExitCode == 0, found.ToString());
        Assert.Equal(days, string.Join(' ', found.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l[..10])));
        Assert.Contains("the line is skipped: it is not JSON", found.Error, StringComparison.Ordinal);
    }

    private static string Decision(string time, string id, string account, string outcome, string scope) =>
        $$"""{"time":"{{time}}","decision":"{{id}}","outcome":"{{outcome}}","account":"{{account}}","signedInBy":"htpasswd","groups":[],"address":null,"service":"registry","asked":["{{scope}}"],"granted":[],"refused":[],"allowedBy":[],"policy":null,"reason":null}""" + "\n";

    private static string Act(string time, string action, string argument = "") =>
        $$"""{"time":"{{time}}","action":"{{action}}","by":"0:root","arguments":["{{argument}}"],"outcome":"done","reason":null}""" + "\n";

    private Task<ProcessResult> RunAsync(string input, params string[] arguments) =>
        ChildProcess.RunAsync(Program, [.. arguments, "--data", directory["data"]], input: input);
}
