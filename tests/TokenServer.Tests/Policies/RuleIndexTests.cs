using System.Text;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>The work of a decision, counted and not timed; <c>./authindex bench policy</c> gives the times.</summary>
public sealed class RuleIndexTests
{
    [Fact]
    public void Rules_that_cannot_match_add_nothing_to_the_work_of_a_decision()
    {
        var (few, many) = (Tried(100), Tried(5_000));
        Assert.Equal(few, many);
        Assert.InRange(few, 1, 5);
    }

    /// <summary>How many patterns are tried for one caller and one repository among so many rules.</summary>
    private static int Tried(int rules)
    {
        var policy = PolicyText.Policy(Rules(rules));
        var caller = new CallerSubjects("user17", ["ldap:team17", "ldap:everybody"], policy.Groups, ignoresCase: false);
        return new RuleIndex(policy.Rules).Find(caller, PolicyText.Scope("team17/app:pull,push"), []);
    }

    private static string Rules(int count)
    {
        var text = new StringBuilder("version: 1\nrules:\n");
        for (var i = 0; i < count; i++)
        {
            text.Append((i % 4) switch
            {
                0 => $"  - {{ id: r{i}, to: [authenticated], allow: [pull], on: [\"open{i}/**\"] }}\n",
                1 =>
                    $"  - {{ id: r{i}, to: [user:user{i}, \"ldap:team{i}\"], allow: [pull, push], on: [\"team{i}/**\", "
                    + $"\"*/shared{i}/*\"] }}\n",
                2 => $"  - {{ id: r{i}, to: [anyone], deny: [delete], on: [\"prod/app{i}-*\"] }}\n",
                _ =>
                    $"  - {{ id: r{i}, to: [\"ldap:team{i}\"], allow: [pull], on: [\"team{i}/{{account}}/**\"], when: {{ ip: [10.0.0.0/8] "
                    + $"}} }}\n",
            });
        }

        return text.ToString();
    }
}
