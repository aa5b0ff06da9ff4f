using System.Diagnostics;
using System.Text;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>Bounds that a slow machine keeps too, and that a scan of all rules would break. The benchmarks give the real times.</summary>
public sealed class SpeedTests
{
    [Fact]
    public void Among_twenty_thousand_rules_a_decision_takes_microseconds()
    {
        var files = Enumerable.Range(0, 10).Select(f => File(f * 2_000, 2_000)).ToArray();
        var clock = Stopwatch.StartNew();
        var policy = PolicyText.Policy(files);
        var loading = clock.Elapsed;

        var caller = PolicyText.Caller("user17777", ["ldap:team17777", "ldap:everybody"]);
        var granted = PolicyText.Scope("team17777/app:pull,push");
        var refused = PolicyText.Scope("team12345/app:push");
        Measure(policy, caller, granted, refused, 2_000);
        var each = Measure(policy, caller, granted, refused, 20_000);

        TestContext.Current.TestOutputHelper?.WriteLine($"loading {loading.TotalSeconds:F2} s, decision {each.TotalMicroseconds:F2} µs");
        Assert.InRange(loading, TimeSpan.Zero, TimeSpan.FromSeconds(60));
        Assert.InRange(each, TimeSpan.Zero, TimeSpan.FromMicroseconds(200));
    }

    private static TimeSpan Measure(Policy policy, Caller caller, Scope granted, Scope refused, int times)
    {
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < times; i++)
        {
            Assert.True(policy.Decide(caller, granted, PolicyText.Now).Refused.IsEmpty);
            Assert.False(policy.Decide(caller, refused, PolicyText.Now).Refused.IsEmpty);
        }

        return clock.Elapsed / (2 * times);
    }

    private static string File(int first, int count)
    {
        var text = new StringBuilder("version: 1\nrules:\n");
        for (var i = first; i < first + count; i++)
        {
            text.Append((i % 4) switch
            {
                0 => $"  - {{ id: r{i}, to: [authenticated], allow: [pull], on: [\"open{i}/**\"] }}\n",
                1 => $"  - {{ id: r{i}, to: [user:user{i}, \"ldap:team{i}\"], allow: [pull, push], on: [\"team{i}/**\", \"*/shared{i}/*\"] }}\n",
                2 => $"  - {{ id: r{i}, to: [anyone], deny: [delete], on: [\"prod/app{i}-*\"] }}\n",
                _ => $"  - {{ id: r{i}, to: [\"ldap:team{i}\"], allow: [pull], on: [\"team{i}/{{account}}/**\"], when: {{ ip: [10.0.0.0/8] }} }}\n",
            });
        }

        return text.ToString();
    }
}
