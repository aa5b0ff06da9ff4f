using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files.Values;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Makes one policy of a set of files: reads, merges, checks, and runs the tests in them.</summary>
internal static class PolicyCompiler
{
    /// <summary>The version of the language.</summary>
    public const string Version = "1";

    /// <summary>Compiles files; their order does not matter.</summary>
    /// <param name="revision">The name of this state of the files.</param>
    /// <param name="files">The files.</param>
    /// <param name="now">The time, for warnings about rules that have expired.</param>
    public static Compilation Compile(string revision, IReadOnlyList<PolicyFile> files, DateTimeOffset now)
    {
        files = [.. files.OrderBy(f => f.Path, StringComparer.Ordinal)];
        var problems = new List<SourceProblem>();
        var documents = files.Select(file => ReadDocument(file, problems)).OfType<YamlFields>().ToList();

        var robotsReader = new RobotsReader(now, problems);
        foreach (var document in documents) robotsReader.Read(document);
        var groupsReader = new GroupsReader(robotsReader.Robots, problems);
        var rolesReader = new RolesReader();
        foreach (var document in documents)
        {
            groupsReader.Read(document);
            rolesReader.Read(document, problems);
        }

        var groups = groupsReader.Finish();
        var rules = ReadRules(documents, new RuleReader(groups, robotsReader.Robots, rolesReader.Roles, now, problems), problems);
        var testReader = new TestReader(groups, robotsReader.Robots, problems);
        var tests = documents.SelectMany(d => d.Items("tests")).Select(testReader.Read).OfType<PolicyTest>().ToList();

        if (problems.TrueForAll(p => p.IsWarning)) PolicyLint.Check(rules, groups, groupsReader.Places, problems);
        var policy = new Policy(revision, rules, groups, tests) { Robots = robotsReader.Robots };
        var sound = problems.TrueForAll(p => p.IsWarning);
        if (sound) problems.AddRange(tests.Select(t => t.Run(policy)).OfType<SourceProblem>());

        var ordered = problems.OrderBy(p => p.At.File, StringComparer.Ordinal).ThenBy(p => p.At.Line).ThenBy(p => p.At.Column).Distinct()
            .ToList();
        return new Compilation(ordered.TrueForAll(p => p.IsWarning) ? policy : null, ordered, sound ? tests : []);
    }

    /// <summary>Reads a directory and compiles what is in it.</summary>
    public static Compilation Compile(PolicyDirectory directory, DateTimeOffset now)
    {
        var problems = new List<SourceProblem>();
        if (directory.Read(problems) is not { } read) return new Compilation(null, problems, []);
        var compiled = Compile(read.Revision, read.Files, now);
        return compiled with { Problems = [.. problems, .. compiled.Problems] };
    }

    private static YamlFields? ReadDocument(PolicyFile file, List<SourceProblem> problems)
    {
        var before = problems.Count;
        var node = YamlSource.Read(file.Path, file.Content.Span, problems);
        if (node is null) return null;
        if (node is not MappingNode mapping)
        {
            problems.Add(
                new SourceProblem(
                    node.At, $"a policy file must be a mapping with {string.Join(", ", PolicyKeys.Document)}, not {node.Kind}"));
            return null;
        }

        var document = new YamlFields(mapping, PolicyKeys.Document, problems);
        if (!document.Has("version") && !document.HasUnknownKey)
        {
            document.Complain(null, $"the file has no version; begin it with 'version: {Version}'");
        }
        else if (document["version"] is { } version and not ScalarNode { Value: Version })
        {
            document.Complain(version, $"only version {Version} is supported, not {version.Kind}");
        }

        return document;
    }

    private static List<Rule> ReadRules(List<YamlFields> documents, RuleReader reader, List<SourceProblem> problems)
    {
        var rules = new List<Rule>();
        var places = new Dictionary<string, SourcePosition>(StringComparer.Ordinal);
        foreach (var rule in documents.SelectMany(d => d.Items("rules")).Select(reader.Read).OfType<Rule>())
        {
            if (places.TryAdd(rule.Id, rule.At)) rules.Add(rule);
            else problems.Add(new SourceProblem(rule.At, $"the id '{rule.Id}' is already used by the rule at {places[rule.Id]}"));
        }

        return rules;
    }
}
