using System.Net;
using System.Text;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>Policies and questions written as text.</summary>
internal static class PolicyText
{
    public static readonly DateTimeOffset Now = new(2026, 6, 15, 12, 0, 0, TimeSpan.Zero);

    public static Compilation Compile(params string[] files) =>
        PolicyCompiler.Compile(
            "test", [.. files.Select((text, i) => new PolicyFile($"{(char)('a' + i)}.yaml", Encoding.UTF8.GetBytes(text)))], Now);

    public static Policy Policy(params string[] files)
    {
        var compiled = Compile(files);
        Assert.True(compiled.Policy is not null, string.Join('\n', compiled.Problems));
        return compiled.Policy!;
    }

    /// <summary>A policy of rules alone, with a few groups and roles.</summary>
    public static Policy Rules(string rules) => Policy(WithRules(rules));

    public static string WithRules(string rules) => $"""
        version: 1
        groups:
          platform: [alice, bob]
          everybody: [group:platform, "ldap:Staff", robot:ci]
        roles: {"{ reader: [pull], developer: [pull, push] }"}
        rules:
        {rules}
        robots: {"{ ci: , x: { description: another, expires: 2127-01-31 } }"}
        """;

    public static Caller Caller(
        string account = "", string[]? groups = null, string? ip = "192.0.2.1", string service = "registry", string? signedInBy = null) =>
        new(
            account, groups ?? [], ip is null
            ? null
            : IPAddress.Parse(ip), service, signedInBy ?? (account.Length == 0 ? SignIn.Anonymous : SignIn.Htpasswd));

    public static Scope Scope(string text) =>
        ScopeText.TryParseWithActions(text, out var scope, out var problem) ? scope : throw new ArgumentException(problem, nameof(text));

    public static Decision Decide(this Policy policy, string account, string scope) => policy.Decide(Caller(account), Scope(scope), Now);

    public static string Granted(this Policy policy, Caller caller, string scope, DateTimeOffset? now = null) =>
        policy.Decide(caller, Scope(scope), now ?? Now).Granted.Actions.ToString();

    public static string Granted(this Policy policy, string account, string scope) => policy.Granted(Caller(account), scope);
}
