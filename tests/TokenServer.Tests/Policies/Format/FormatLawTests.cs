using System.Text;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Format;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenServer.Tests.Policies.Format;

/// <summary>What must hold of the canonical form of every policy, however it was written.</summary>
public sealed class FormatLawTests
{
    private static readonly string[] Accounts = ["", "alice", "bob", "eve", "robot:ci"];
    private static readonly string[] Resources = ["a/x", "b/c/x", "users/alice/app", "registry:catalog"];
    private static readonly string[] Addresses = ["10.1.1.1", "192.0.2.1"];

    private static readonly Gen<string> Gap = Gen.Frequency(
        (5, Gen.Constant("")),
        (1, Gen.Constant("\n")),
        (1, Gen.Constant("   # a # 'comment': [\n")),
        (1, Gen.Constant("\n\n# two\n#lines\n\n")),
        (1, Gen.Constant("#\n")));

    private static readonly Gen<string> End = Gen.Frequency(
        (4, Gen.Constant("\n")), (1, Gen.Constant(" # trailing\n")), (1, Gen.Constant("   #x: {\n")), (1, Gen.Constant("  \n")));

    private static readonly Gen<string> Lists =
        from subjects in Gen.Elements<string[]>(
            ["to", "anyone"], ["to", "authenticated"], ["to", "user:alice", "'group:g'", "\"ldap:cn=a,dc=b\""],
            ["to", "robot:ci", "group:g"])
        from text in List(subjects)
        select text;

    private static readonly Gen<string> Effects =
        from text in Gen.Elements<string[]>(
            ["allow", "pull"], ["allow", "pull", "push", "delete"], ["deny", "push"], ["allow", "\"*\""], ["deny", "dev"]).SelectMany(List)
        select text;

    private static readonly Gen<string> Patterns =
        from text in Gen.Elements<string[]>(["on", "\"**\""], ["on", "a/*", "'b/**'"], ["on", "\"users/{account}/**\"", "registry:catalog"])
        .SelectMany(List)
        select text;

    private static readonly Gen<string> Whens =
        from ip in List(["ip", "10.0.0.0/8", "'2001:db8::/32'"])
        from block in Gen.Elements(true, false)
        from end in End
        from gap in Gap
        select block
        ? $"    when:{end}      until: 2127-01-31\n{gap}{string.Concat(ip.Split('\n').SkipLast(1).Select(line => $"  {line}\n"))}"
        : $"    when: {{ until: 2127-01-31,\n       ip: [10.0.0.0/8] }}{end}";

    private static readonly Gen<string> Rules =
        from id in End.Select(end => $"    id: ID{end}")
        from to in Lists
        from effect in Effects
        from patterns in Patterns
        from except in List(["except", "user:bob"])
        from when in Whens
        from count in Gen.Choose(4, 6)
        from keys in Gen.Shuffle(new[] { id, to, effect, patterns, except, when }.Take(count).ToArray())
        from gaps in Gap.ArrayOf(7)
        from dashAlone in Gen.Elements(true, false)
        let body = string.Concat(keys.Select((key, i) => i == 0 ? key : gaps[i] + key))
        select $"{gaps[0]}  -{(dashAlone ? $"\n{gaps[6]}    " : " ")}{body[4..]}";

    private static readonly Gen<string> Policies =
        from rules in Rules.ListOf()
        from groups in List(["g", "alice", "'ldap:A'", "robot:ci"])
        from roles in List(["dev", "pull", "push"])
        from gaps in Gap.ArrayOf(7)
        from ends in End.ArrayOf(3)
        from sections in Gen.Shuffle(new[]
        {
            $"version: 1{ends[0]}",
            $"groups:{ends[1]}{groups}",
            $"roles:\n{roles}",
            "robots: { ci: { description: builds, expires: 2127-01-31 } }\n",
            rules.Count == 0
                ? "rules: []\n"
                : $"rules:{ends[2]}{string.Concat(rules.Take(4).Select((rule, i) => rule.Replace("ID", $"r{i}", StringComparison.Ordinal)))}",
        })
        select string.Concat(sections.Select((section, i) => gaps[i] + section)) + gaps[6];

    [Fact]
    public void The_policies_of_these_laws_are_mostly_sound_and_mostly_not_canonical()
    {
        var samples = Policies.Sample(200).ToList();
        Assert.True(samples.Count(text => PolicyText.Compile(text).Policy is not null) > 100);
        Assert.True(samples.Count(text => Format(text) != text && text.Contains('#')) > 100);
    }

    [Fact]
    public void Formatting_twice_is_formatting_once() => Holds(text => Format(Format(text)) == Format(text));

    [Fact]
    public void Formatting_never_changes_a_decision() => Holds(text =>
    {
        var before = PolicyText.Compile(text).Policy;
        var after = PolicyText.Compile(Format(text)).Policy;
        Assert.Equal(before is null, after is null);
        return before is null || after is null || (
            from account in Accounts
            from resource in Resources
            from address in Addresses
            let caller = PolicyText.Caller(account, account == "eve" ? ["ldap:a"] : [], address)
            select before.Granted(caller, resource + ":pull,push,delete,*") == after.Granted(caller, resource + ":pull,push,delete,*")).All(
                same => same);
    });

    [Fact]
    public void Formatting_keeps_every_comment() => Holds(text =>
        Comments(text).SequenceEqual(Comments(Format(text))));

    private static IEnumerable<string> Comments(string text) =>
        text.Split('\n').Where(line => line.Contains('#')).Select(line => line[line.IndexOf('#')..].TrimEnd())
        .Order(StringComparer.Ordinal);

    private static Gen<string> List(string[] keyAndItems) =>
        from style in Gen.Choose(0, 3)
        from ends in End.ArrayOf(keyAndItems.Length + 1)
        from gaps in Gap.ArrayOf(keyAndItems.Length)
        let key = keyAndItems[0]
        let items = keyAndItems[1..]
        select style switch
        {
            0 => $"    {key}: [{string.Join(", ", items)}]{ends[0]}",
            1 => $"    {key}: [\n     {string.Join(",\n       ", items)} ]{ends[0]}",
            2 => $"    {key}:{ends[^1]}{string.Concat(items.Select((item, i) => $"{gaps[i]}    - {item}{ends[i]}"))}",
            _ => $"    {key}:{ends[^1]}{string.Concat(items.Select((item, i) => $"{gaps[i]}        - {item}{ends[i]}"))}",
        };

    private static string Format(string text)
    {
        var formatted = PolicyFormatter.Format(new PolicyFile("a.yaml", Encoding.UTF8.GetBytes(text)), out var problem);
        return formatted is null ? throw new InvalidOperationException($"{problem}\n{text}") : Encoding.UTF8.GetString(formatted);
    }

    private static void Holds(Func<string, bool> law) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(Policies.ToArbitrary(), law));
}
