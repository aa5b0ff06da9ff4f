using System.Diagnostics;
using System.Globalization;
using System.Text;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.Load;

/// <summary>How long loading and one decision take among 10, 1,000 and 100,000 rules, for a caller of 50 groups.</summary>
internal static class PolicyDecisions
{
    private const int Decisions = 100_000;
    private const int RulesInAFile = 10_000;

    /// <summary>Measures and prints.</summary>
    public static void Run()
    {
        Console.WriteLine($"{"rules",8} {"load s",8} {"granted µs",11} {"refused µs",11}");
        foreach (var count in (int[])[10, 1_000, 100_000])
        {
            var clock = Stopwatch.StartNew();
            var files = Enumerable.Range(0, (count + RulesInAFile - 1) / RulesInAFile)
                .Select(
                    f => new PolicyFile(
                        $"{f}.yaml", Encoding.UTF8.GetBytes(Rules(f * RulesInAFile, Math.Min(RulesInAFile, count - (f * RulesInAFile))))))
                .ToList();
            var now = TimeProvider.System.GetUtcNow();
            var policy = PolicyCompiler.Compile("bench", files, now).Policy
                ?? throw new InvalidOperationException("the policy is not sound");
            var loading = clock.Elapsed;

            var caller = new Caller("user5", [.. Enumerable.Range(0, 50).Select(i => $"ldap:team{i}")], null, "registry", SignIn.Ldap);
            var granted = Measure(policy, caller, "repository:team5/app:pull,push", now, isGranted: true);
            var refused = Measure(policy, caller, "repository:elsewhere/app:push", now, isGranted: false);
            Console.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{count,8} {loading.TotalSeconds,8:F2} {granted,11:F2} {refused,11:F2}"));
        }
    }

    private static double Measure(Policy policy, Caller caller, string text, DateTimeOffset now, bool isGranted)
    {
        if (!Scope.TryParse(text, out var scope, out var problem)) throw new InvalidOperationException(problem);
        var best = double.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            var clock = Stopwatch.StartNew();
            for (var i = 0; i < Decisions; i++)
            {
                if (policy.Decide(caller, scope, now).Refused.IsEmpty != isGranted)
                {
                    throw new InvalidOperationException($"{text} was decided otherwise");
                }
            }

            best = Math.Min(best, clock.Elapsed.TotalMicroseconds / Decisions);
        }

        return best;
    }

    private static string Rules(int first, int count)
    {
        var text = new StringBuilder("version: 1\nrules:\n");
        for (var i = first; i < first + count; i++)
        {
            text.Append((i % 3) switch
            {
                0 => $"  - {{ id: r{i}, to: [authenticated], allow: [pull], on: [\"open{i}/**\"] }}\n",
                1 => $"  - {{ id: r{i}, to: [anyone], deny: [delete], on: [\"prod/app{i}-*\"] }}\n",
                _ => $"  - {{ id: r{i}, to: [user:user{i}, \"ldap:team{i}\"], allow: [pull, push], on: [\"team{i}/**\"] }}\n",
            });
        }

        return text.ToString();
    }
}
