using System.CommandLine;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Commands.Policies;
using AuthIndex.TokenServer.Tests.Audit;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests.Commands.Policies;

public sealed class PolicyWhyCommandTests : IDisposable
{
    private readonly PolicyFolder folder = new();
    private readonly Command policy;

    public PolicyWhyCommandTests() => policy = PolicyCommand.Create(_ => folder.Path, _ => folder["audit.jsonl"], TimeProvider.System);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Why_tells_who_asked_for_what_and_which_rules_decided()
    {
        folder.Write("audit.jsonl", AuditText.Sample.Line() + "\n");
        var (status, output, error) = Run("AM63PJQ2");
        Assert.Equal(0, status);
        Assert.Empty(error);
        Assert.Equal($"""
            decision AM63PJQ2: granted in part
              when      2027-01-31 10:00:00.123 UTC
              who       alice, signed in by htpasswd, from 192.0.2.9
              groups    platform, ldap:dev
              service   registry
              asked     repository:team/app:pull,push
              granted   repository:team/app:pull
                          by team (policy.yaml:7)
              refused   repository:team/app:push
                          rule 'freeze' denies push
                          by freeze (policy.yaml:12)
              policy    69d9728c82cc
              found in  {folder["audit.jsonl"]}:1

            """, output);
    }

    [Fact]
    public void Why_tells_of_a_failed_sign_in()
    {
        var entry = AuditText.Sample with
        {
            Outcome = AuditOutcome.SignInFailed, Account = "al\u001b[31mice", SignedInBy = null, Groups = [], Address = null, Asked = [],
                Granted = [], Refused = [], AllowedBy = [], Policy = null, Reason = "wrong password",
        };
        folder.Write("other.jsonl", entry.Line() + "\n");
        var (status, output, _) = Run("am63pjq2", "--log", folder["other.jsonl"]);
        Assert.Equal(0, status);
        Assert.StartsWith("""
            decision AM63PJQ2: the sign-in failed
              when      2027-01-31 10:00:00.123 UTC
              who       al\u001b[31mice, not signed in, from an unknown address
              service   registry
              asked     nothing: a sign-in only
              reason    wrong password
              found in  
            """, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Why_answers_in_JSON_with_the_entry_as_it_was_logged()
    {
        folder.Write("audit.jsonl", AuditText.Sample.Line() + "\n");
        Assert.Equivalent(AuditText.Sample, AuditText.Read(Run("AM63PJQ2", "--json").Output), strict: true);
    }

    [Fact]
    public void Why_says_so_when_there_is_no_such_decision()
    {
        folder.Write("audit.jsonl", "");
        folder.Write("audit.jsonl.1", "torn\n" + AuditText.Sample.Line() + "\n");
        var (status, output, error) = Run("77777777");
        Assert.Equal(1, status);
        Assert.Empty(output);
        Assert.StartsWith($"warning: {folder["audit.jsonl.1"]}:1: the line is skipped", error, StringComparison.Ordinal);
        Assert.EndsWith(
            $"error: no decision '77777777' in {folder["audit.jsonl"]} and its rotated file\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Why_finds_an_accounts_last_refusal_for_those_whose_client_shows_no_id()
    {
        var (refused, granted) =
            (AuditText.Sample with { Decision = "REFVSED1", Outcome = AuditOutcome.Refused },
                AuditText.Sample with { Decision = "GRANTED1", Outcome = AuditOutcome.Granted });
        folder.Write("audit.jsonl.1", (AuditText.Sample with { Decision = "REFVSED0", Outcome = AuditOutcome.Refused }).Line() + "\n");
        folder.Write("audit.jsonl", refused.Line() + "\n" + granted.Line() + "\n");
        Assert.StartsWith("decision REFVSED1", Run("--account", refused.Account, "--last").Output, StringComparison.Ordinal);
        folder.Write("audit.jsonl.1", "");
        folder.Write("audit.jsonl", granted.Line() + "\n");
        Assert.StartsWith("decision GRANTED1", Run("--account", refused.Account, "--last").Output, StringComparison.Ordinal);
        Assert.Equal(1, Run("--account", "nobody", "--last").Status);
        Assert.NotEqual(0, Run("--account", "nobody").Status);
        Assert.NotEqual(0, Run("AM63PJQ2", "--account", "nobody", "--last").Status);
    }

    [Fact]
    public void Why_says_so_when_there_is_no_log()
    {
        var (status, _, error) = Run("77777777");
        Assert.Equal(1, status);
        Assert.Equal($"error: there is no audit log {folder["audit.jsonl"]}\n", error);
    }

    private (int Status, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var status = new RootCommand { policy }.Parse(["policy", "why", .. arguments])
            .Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        return (status, output.ToString(), error.ToString());
    }
}
