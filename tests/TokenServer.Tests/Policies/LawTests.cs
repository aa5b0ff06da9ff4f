using System.Net;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>What must hold of every policy and every request.</summary>
public sealed class LawTests
{
    private static readonly string[] Segments = ["a", "b", "ab", "alice", "team", "x1"];
    private static readonly string[] Accounts = ["", "alice", "bob", "a", "robot:ci", "*", "..", "a/b", "{group}", "**", "ALICE"];
    private static readonly string[] LdapGroups = ["ldap:team", "ldap:Team", "ldap:b", "ldap:*", "ldap:cn=team,dc=x", "local"];

    private static readonly GroupDirectory Directory = new(new Dictionary<string, IReadOnlyList<Subject>>(StringComparer.Ordinal)
    {
        ["local"] = [new Subject(SubjectKind.User, "alice"), new Subject(SubjectKind.Robot, "ci")],
        ["outer"] = [new Subject(SubjectKind.Group, "local"), new Subject(SubjectKind.Ldap, "team")],
        ["none"] = [],
    });

    private static readonly Gen<ActionSet> Actions =
        from words in Gen.SubListOf("pull", "push", "delete", "*")
        select words.Aggregate(ActionSet.None, (set, word) => ActionSet.TryParseWord(word, out var action) ? set.Union(action) : set);

    private static readonly Gen<string> Name = from parts in Gen.Elements(Segments).NonEmptyListOf() select string.Join('/', parts.Take(5));

    private static readonly Gen<Scope> Scopes =
        from type in Gen.Elements(Scope.RepositoryType, Scope.RepositoryType, Scope.RepositoryType, Scope.RegistryType)
        from name in Name
        from actions in Actions
        select new Scope(type, name, actions);

    private static readonly Gen<ResourcePattern> Patterns =
        from type in Gen.Elements("", "", "", "registry:")
        from parts in Gen.Elements([.. Segments, "*", "**", "a*", "*b", "**a", "{account}", "{group}", "x-{account}", "*a*b*"])
        .NonEmptyListOf()
        select Pattern(type + string.Join('/', parts.Take(4)));

    private static readonly Gen<Subject> Subjects = Gen.Elements(
        Subject.Anyone, Subject.Authenticated, new(SubjectKind.User, "alice"), new(SubjectKind.User, "bob"),
        new(SubjectKind.Group, "local"),
        new(SubjectKind.Group, "outer"), new(SubjectKind.Group, "none"), new(SubjectKind.Ldap, "TEAM"), new(SubjectKind.Robot, "ci"));

    private static readonly Gen<Conditions> When = Gen.Frequency(
        (3, Gen.Constant(Conditions.None)),
        (1, from ip in Gen.SubListOf(IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("2001:db8::/32"))
            from ways in Gen.SubListOf(SignIn.Htpasswd, SignIn.Ldap)
            from until in Gen.Elements<DateTimeOffset?>(null, PolicyText.Now.AddDays(-1), PolicyText.Now.AddDays(1))
            select Conditions.None with { Ip = [.. ip], SignedInBy = [.. ways], Until = until }));

    private static readonly Gen<Rule> RuleGen =
        from effect in Gen.Elements(Effect.Allow, Effect.Allow, Effect.Deny)
        from to in Subjects.NonEmptyListOf()
        from except in Gen.Frequency((3, Gen.Constant(new List<Subject>())), (1, Subjects.ListOf()))
        from actions in Actions
        from patterns in Patterns.NonEmptyListOf()
        from when in When
        select new Rule("", default, [.. to.Take(3)], [.. except.Take(1)], effect, actions, [.. patterns.Take(3)], when);

    private static readonly Gen<Rule[]> RuleLists = from rules in RuleGen.ListOf()
        select rules.Select((rule, i) => rule with { Id = $"r{i:000}" }).ToArray();

    private static readonly Gen<Caller> Callers =
        from account in Gen.Elements(Accounts)
        from groups in Gen.SubListOf(LdapGroups)
        from ip in Gen.Elements<string?>(null, "10.1.1.1", "192.0.2.1", "2001:db8::1")
        from way in Gen.Elements(SignIn.Htpasswd, SignIn.Ldap)
        select PolicyText.Caller(
            account, account.Length == 0 ? [] : [.. groups], ip, signedInBy: account.Length == 0 ? SignIn.Anonymous : way);

    private static readonly Gen<(Rule[] Rules, Caller Caller, Scope Scope)> Cases =
        from rules in RuleLists
        from caller in Callers
        from scope in Scopes
        select (rules, caller, scope);

    [Fact]
    public void The_decision_by_index_is_the_decision_by_looking_at_every_rule() => Holds(Cases, c =>
    {
        var caller = new CallerSubjects(c.Caller.Account, c.Caller.Groups, Directory, ignoresCase: false);
        var circumstances = new RequestConditions(
            c.Caller.Address, c.Caller.Service, c.Caller.SignedInBy, PolicyText.Now, UnknownIsMet: false);
        var applying = c.Rules.Where(r => r.AppliesTo(caller, circumstances, c.Scope)).ToList();
        var decision = Decide(c.Rules, c.Caller, c.Scope);
        return applying.Where(r => r.Effect == Effect.Allow).Select(r => r.Id).SequenceEqual(decision.AllowedBy.Select(r => r.Id))
            && applying.Where(r => r.Effect == Effect.Deny).Select(r => r.Id).SequenceEqual(decision.DeniedBy.Select(r => r.Id));
    });

    [Fact]
    public void Nothing_is_granted_that_was_not_asked_for() => Holds(Cases, c =>
        c.Scope.Actions.Covers(Decide(c.Rules, c.Caller, c.Scope).Granted.Actions));

    [Fact]
    public void Everything_asked_for_is_either_granted_or_refused_with_a_reason() => Holds(Cases, c =>
    {
        var decision = Decide(c.Rules, c.Caller, c.Scope);
        return decision.Granted.Actions.Union(decision.Refused).Covers(c.Scope.Actions)
            && decision.Refused.IsEmpty == (decision.Reason is null);
    });

    [Fact]
    public void The_order_of_rules_does_not_matter() => Holds(Cases, c =>
        Decide(c.Rules, c.Caller, c.Scope).Granted == Decide([.. c.Rules.Reverse()], c.Caller, c.Scope).Granted
        && Decide(c.Rules, c.Caller, c.Scope).Reason == Decide([.. c.Rules.Reverse()], c.Caller, c.Scope).Reason);

    [Fact]
    public void One_more_allow_never_takes_a_grant_away() => Holds(With(Effect.Allow), c =>
        Decide([.. c.Case.Rules, c.More], c.Case.Caller, c.Case.Scope).Granted.Actions.Covers(
            Decide(c.Case.Rules, c.Case.Caller, c.Case.Scope).Granted.Actions));

    [Fact]
    public void One_more_deny_never_gives_a_grant() => Holds(With(Effect.Deny), c =>
        Decide(c.Case.Rules, c.Case.Caller, c.Case.Scope).Granted.Actions.Covers(
            Decide([.. c.Case.Rules, c.More], c.Case.Caller, c.Case.Scope).Granted.Actions));

    [Fact]
    public void What_a_deny_names_is_not_granted() => Holds(Cases, c =>
    {
        var decision = Decide(c.Rules, c.Caller, c.Scope);
        return decision.DeniedBy.All(
            r => r.Actions.Words.All(
                word => ActionSet.TryParseWord(word, out var action) && decision.Granted.Actions.Intersect(action).IsEmpty));
    });

    [Fact]
    public void A_placeholder_never_matches_more_than_a_star_in_its_place() => Holds(
        from pattern in Patterns from caller in Callers from name in Name select (pattern, caller, name),
        c =>
        {
            var subjects = new CallerSubjects(c.caller.Account, c.caller.Groups, Directory, ignoresCase: false);
            var wider = Pattern(
                c.pattern.ToString().Replace("{account}", "*", StringComparison.Ordinal).Replace("{group}", "*", StringComparison.Ordinal));
            return !c.pattern.Matches(c.name, subjects) || wider.Matches(c.name, subjects);
        });

    [Fact]
    public void A_pattern_matches_what_a_slow_and_simple_matcher_says() => Holds(
        from pattern in Patterns from caller in Callers from name in Name select (pattern, caller, name),
        c =>
        {
            var subjects = new CallerSubjects(c.caller.Account, c.caller.Groups, Directory, ignoresCase: false);
            var groups = c.pattern.NamesGroup ? subjects.GroupNames.Where(g => RepositoryName.IsComponent(g)) : [""];
            var slow = (!c.pattern.NamesAccount || RepositoryName.IsComponent(c.caller.Account)) && groups.Any(g =>
                SlowMatch(
                    c.pattern.Glob.Replace("{account}", c.caller.Account, StringComparison.Ordinal)
                    .Replace("{group}", g, StringComparison.Ordinal), c.name));
            return slow == c.pattern.Matches(c.name, subjects);
        });

    [Fact]
    public void A_pattern_that_surely_covers_another_matches_all_that_it_matches() => Holds(
        from wide in Patterns from narrow in Patterns from caller in Callers from name in Name select (wide, narrow, caller, name),
        c =>
        {
            var subjects = new CallerSubjects(c.caller.Account, c.caller.Groups, Directory, ignoresCase: false);
            return !c.wide.SurelyCovers(c.narrow) || !c.narrow.Matches(c.name, subjects) || c.wide.Matches(c.name, subjects);
        });

    private static Gen<((Rule[] Rules, Caller Caller, Scope Scope) Case, Rule More)> With(Effect effect) =>
        from c in Cases
        from rule in RuleGen
        select (c, rule with { Id = "more", Effect = effect });

    private static Decision Decide(Rule[] rules, Caller caller, Scope scope) =>
        new Policy("test", rules, Directory, []).Decide(caller, scope, PolicyText.Now);

    private static bool SlowMatch(ReadOnlySpan<char> glob, ReadOnlySpan<char> name, bool atSegment = true)
    {
        if (glob.IsEmpty) return name.IsEmpty;
        if (atSegment && glob.StartsWith("**/"))
        {
            if (SlowMatch(glob[3..], name)) return true;
            for (var i = 0; i < name.Length; i++)
            {
                if (name[i] == '/' && SlowMatch(glob[3..], name[(i + 1)..])) return true;
            }

            return false;
        }

        if (glob[0] != '*') return !name.IsEmpty && name[0] == glob[0] && SlowMatch(glob[1..], name[1..], glob[0] == '/');

        var across = glob.StartsWith("**");
        for (var i = 0; i <= name.Length; i++)
        {
            if (SlowMatch(glob[(across ? 2 : 1)..], name[i..], atSegment: false)) return true;
            if (i < name.Length && name[i] == '/' && !across) return false;
        }

        return false;
    }

    private static ResourcePattern Pattern(string text) =>
        ResourcePatternReader.TryParse(text, out var pattern, out var problem) ? pattern : throw new InvalidOperationException(problem);

    private static void Holds<T>(Gen<T> cases, Func<T, bool> law) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(cases.ToArbitrary(), law));
}
