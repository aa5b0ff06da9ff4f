using AuthIndex.TokenServer.Replay;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Tests.Audit;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests.Commands.Policies;

public sealed class DecisionReplayTests
{
    private const string Old = """
          - { id: team, to: [group:platform, "ldap:dev"], allow: [pull, push], on: ["team/**"], when: { ip: [192.0.2.0/24], signedInBy: [htpasswd], service: [registry] } }
        """;

    private const string Frozen = Old + "\n"
        + """  - { id: freeze, to: [anyone], deny: [push], on: ["team/**"], when: { from: 2026-06-01 } }""";

    [Fact]
    public void A_decision_that_the_edit_changes_is_counted_with_its_question()
    {
        var replay = Replay(
            Old, Frozen, AuditText.Sample, AuditText.Sample with { Decision = "00000001" },
            AuditText.Sample with { Asked = ["repository:team/app:pull"] });
        var change = Assert.Single(replay.Changes);
        Assert.Equal(
            ("alice", "repository:team/app", "", "push", 2L),
            (change.Account, change.Resource, change.Gained.ToString(), change.Lost.ToString(), change.Count));
        Assert.Equal((3L, 2L, 0L), (replay.Decisions, replay.Changed, replay.NotKept));
        Assert.Equal(["AM63PJQ2", "00000001"], change.Samples.Select(s => s.Decision));
    }

    [Fact]
    public void No_decision_differs_between_a_policy_and_itself() => Assert.Empty(Replay(Frozen, Frozen, AuditText.Sample).Changes);

    [Theory]
    [InlineData("192.0.2.9", "htpasswd", "registry", true)]
    [InlineData("198.51.100.1", "htpasswd", "registry", false)]
    [InlineData(null, "htpasswd", "registry", false)]
    [InlineData("192.0.2.9", "ldap", "registry", false)]
    [InlineData("192.0.2.9", "htpasswd", "other", false)]
    public void A_question_is_asked_with_the_circumstances_of_its_entry(string? address, string signedInBy, string service, bool differs) =>
        Assert.Equal(
            differs, Replay(
                Old, Frozen, AuditText.Sample with { Address = address, SignedInBy = signedInBy, Service = service }).Changed == 1);

    [Fact]
    public void A_directory_group_counts_as_it_was_recorded()
    {
        var stranger = AuditText.Sample with { Account = "eve", Groups = ["ldap:dev"] };
        Assert.Equal(1, Replay(Old, Frozen, stranger).Changed);
        Assert.Equal(0, Replay(Old, Frozen, stranger with { Groups = [] }).Changed);
    }

    [Fact]
    public void The_time_of_the_replay_counts_and_not_the_time_of_the_entry()
    {
        Assert.Equal(1, Replay(Old, Frozen, AuditText.Sample with { Time = PolicyText.Now.AddYears(-1) }).Changed);
        var earlier = new DecisionReplay(PolicyText.Rules(Old), PolicyText.Rules(Frozen), PolicyText.Now.AddYears(-1));
        Assert.Null(earlier.Add(AuditText.Sample with { Time = PolicyText.Now }));
        Assert.Equal(0, earlier.Changed);
    }

    [Fact]
    public void A_failed_sign_in_asked_no_policy() =>
        Assert.Equal(
            0, Replay(
                Old, Frozen, AuditText.Sample with { Outcome = AuditOutcome.SignInFailed },
                AuditText.Sample with { Outcome = AuditOutcome.Unavailable }).Decisions);

    [Fact]
    public void What_cannot_be_asked_again_is_said()
    {
        var replay = new DecisionReplay(PolicyText.Rules(Old), PolicyText.Rules(Frozen), PolicyText.Now);
        Assert.Equal("'nowhere' is not an address", replay.Add(AuditText.Sample with { Address = "nowhere" }));
        Assert.StartsWith("scope 'team/app'", replay.Add(AuditText.Sample with { Asked = ["team/app"] }), StringComparison.Ordinal);
        Assert.Equal(0, replay.Decisions);
    }

    [Fact]
    public void Memory_is_bounded_and_what_is_beyond_is_counted()
    {
        var replay = new DecisionReplay(PolicyText.Rules(Old), PolicyText.Rules(Frozen), PolicyText.Now);
        for (var i = 0; i < DecisionReplay.MaxChanges + 5; i++)
        {
            Assert.Null(replay.Add(AuditText.Sample with { Asked = [$"repository:team/a{i}:push"] }));
        }

        for (var i = 0; i < 10; i++)
        {
            Assert.Null(
                replay.Add(AuditText.Sample with { Asked = ["repository:team/a7:push"], Time = AuditText.Sample.Time.AddSeconds(i) }));
        }

        Assert.Equal((DecisionReplay.MaxChanges, 5L), (replay.Changes.Count, replay.NotKept));
        Assert.Equal(11, replay.Changes[0].Count);
        Assert.Equal([7, 8, 9], replay.Changes[0].Samples.Select(s => (int)(s.Time - AuditText.Sample.Time).TotalSeconds).Order());
    }

    private static DecisionReplay Replay(string before, string after, params AuditEntry[] entries)
    {
        var replay = new DecisionReplay(PolicyText.Rules(before), PolicyText.Rules(after), PolicyText.Now);
        foreach (var entry in entries) Assert.Null(replay.Add(entry));
        return replay;
    }
}
