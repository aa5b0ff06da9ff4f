using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Names;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads the tests of a file, in both forms: a sentence, and a mapping for what a sentence cannot say.</summary>
internal sealed class TestReader(GroupDirectory groups, IReadOnlyDictionary<string, Robot> robots, ICollection<SourceProblem> problems)
{
    /// <summary>Reads one test; null, with a problem, when it is not a test.</summary>
    public PolicyTest? Read(SourceNode node) => node switch
    {
        ScalarNode { IsNull: false } sentence => ReadSentence(sentence),
        MappingNode mapping => ReadMapping(mapping),
        _ => Complain(node, $"a test is a sentence like 'alice can pull,push platform/api' or a mapping, not {node.Kind}"),
    };

    private PolicyTest? ReadSentence(ScalarNode node)
    {
        var words = node.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 4 || words[1] is not ("can" or "cannot"))
        {
            return Complain(
                node,
                $"'{node.Value}' is not a test; write it like 'alice can pull,push platform/api' or 'anonymous cannot pull platform/api'");
        }

        return Make(node, words[0], [], RequestConditions.Unknown, words[1] == "can", string.Concat(words[2..^1]).Split(','), [words[^1]]);
    }

    private PolicyTest? ReadMapping(MappingNode node)
    {
        var test = new YamlFields(node, PolicyKeys.Test, problems);
        if (test.HasUnknownKey) return null;
        if (!test.Has("as") || test.Has("can") == test.Has("cannot") || !test.Has("on"))
        {
            return Complain(node, "a test has 'as', either 'can' or 'cannot', and 'on', as in { as: alice, can: pull, on: platform/api }");
        }

        var before = problems.Count;
        var who = test.Text("as");
        var given = (test.Texts("groups") ?? []).Select(text => ReadGroup(test, text)).OfType<string>().ToList();
        var circumstances = ReadCircumstances(test);
        var can = test.Has("can");
        var actions = test.Texts(can ? "can" : "cannot", orText: true) ?? [];
        var resources = test.Texts("on", orText: true) ?? [];
        return problems.Skip(before).Any(p => !p.IsWarning) || who is null
            ? null
            : Make(node, who.Value, given, circumstances, can, [.. actions.Select(a => a.Value)], [.. resources.Select(r => r.Value)]);
    }

    private PolicyTest? Make(
        SourceNode node, string who, List<string> given, RequestConditions circumstances, bool can, string[] words, string[] resources)
    {
        if (who is "anyone" or "authenticated"
            || who.StartsWith("group:", StringComparison.Ordinal)
            || who.StartsWith("ldap:", StringComparison.OrdinalIgnoreCase))
        {
            return Complain(
                node,
                $"a test is about one caller, not '{who}'; name an account and its groups, as in {{ as: someone, groups: "
                + $"[\"{who}\"], … }}");
        }

        var account = who == SignIn.Anonymous ? "" : who.StartsWith("user:", StringComparison.Ordinal) ? who[5..] : who;
        if (account.Length > 0
            && (Subject.Parse(Subject.AccountKey(account), out var subject) ?? RobotsReader.Problem(subject, robots)) is { } problem)
        {
            return Complain(node, problem);
        }

        if (account.Length == 0 && given.Count > 0) return Complain(node, "an anonymous caller has no groups");

        var actions = ActionSet.None;
        foreach (var word in words)
        {
            if (!ActionSet.TryParseWord(word, out var action)) return Complain(node, RuleReader.Unknown(word, []));
            actions = actions.Union(action);
        }

        var scopes = new List<Scope>();
        foreach (var resource in resources)
        {
            if (!ScopeText.TryParse(resource, actions, out var scope, out var wrong)) return Complain(node, wrong);
            scopes.Add(scope);
        }

        if (account.Length == 0) circumstances = circumstances with { SignedInBy = SignIn.Anonymous };
        else if (Subject.IsRobot(account)) circumstances = circumstances with { SignedInBy = circumstances.SignedInBy ?? SignIn.Token };
        return new PolicyTest(node.At, account, given, circumstances, can, scopes);
    }

    private string? ReadGroup(YamlFields test, ScalarNode text)
    {
        if (text.Value.StartsWith("ldap:", StringComparison.OrdinalIgnoreCase))
        {
            if (GroupName.Problem(text.Value[5..]) is not { } unreadable) return text.Value;
            test.Complain(text, $"'{text.Value}': {unreadable}");
            return null;
        }

        var name = text.Value.StartsWith("group:", StringComparison.Ordinal) ? text.Value[6..] : text.Value;
        if (groups.Names.Contains(name) || Subject.IsOfIssuer(name)) return name;
        test.Complain(text, $"there is no group '{name}'{Suggestion.For(name, [.. groups.Names, "ldap:" + name])}");
        return null;
    }

    private static RequestConditions ReadCircumstances(YamlFields test)
    {
        var found = RequestConditions.Unknown with { Service = test.Text("service")?.Value };
        if (test.Text("from") is { } from)
        {
            if (CidrParser.TryParseAddress(from.Value, out var address)) found = found with { Address = address };
            else test.Complain(from, $"'{from.Value}' is not an address; 'from' says where the request comes from, as in 192.0.2.9");
        }

        if (test.Text("signedInBy") is { } way) found = found with { SignedInBy = ConditionsReader.ReadSignIn(test, way) };
        if (test.Text("at") is { } at)
        {
            if (PolicyDate.Parse(at.Value, null, lastOfDay: false, out var now) is { } problem) test.Complain(at, problem);
            else found = found with { Now = now };
        }

        return found;
    }

    private PolicyTest? Complain(SourceNode at, string message)
    {
        problems.Add(new SourceProblem(at.At, message));
        return null;
    }
}
