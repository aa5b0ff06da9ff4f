using System.Globalization;
using System.Net;
using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>
/// Converts a docker_auth list to a policy. In docker_auth the first matching entry decides; here order does not matter. So each entry
/// becomes a rule that allows, and where a later entry would give more, a rule that denies the difference; the generated tests are the
/// list's own decisions for its boundary cases.
/// </summary>
internal sealed class DockerAuthImport
{
    private const int MaxTests = 400;
    private const string Somebody = "somebody";
    private static readonly string[] Depths = ["sample", "sample/deep"];

    private readonly IReadOnlyList<AclEntry> entries;
    private readonly ICollection<SourceProblem> problems;

    private DockerAuthImport(IReadOnlyList<AclEntry> entries, ICollection<SourceProblem> problems)
    {
        this.problems = problems;
        this.entries = Reached(entries);
    }

    /// <summary>The policy's text, with what belongs to it; null, with problems, when anything cannot be expressed.</summary>
    public static ImportedPolicy? Convert(SourceNode configuration, DateTimeOffset now, ICollection<SourceProblem> problems)
    {
        var reader = new DockerAuthReader(problems);
        reader.Read(configuration);
        if (problems.Any(p => !p.IsWarning)) return null;

        var text = new DockerAuthImport(reader.Entries, problems).Write();
        if (problems.Any(p => !p.IsWarning)) return null;

        // The result is taken only if it stands up to what the list itself says.
        var compiled = PolicyCompiler.Compile("import", [new PolicyFile("the imported policy", Encoding.UTF8.GetBytes(text))], now);
        foreach (var error in compiled.Errors) problems.Add(error);
        return compiled.Policy is null ? null : new ImportedPolicy(text, reader.Htpasswd, reader.Ldap);
    }

    // The entries that some request may reach, each without the callers whom an earlier one decides altogether.
    private List<AclEntry> Reached(IReadOnlyList<AclEntry> all)
    {
        var reached = new List<AclEntry>();
        var ends = new Dictionary<int, int>();
        foreach (var written in all)
        {
            var who = reached.Where(e => e.IsLastWord && e.On.Type == written.On.Type)
                .Aggregate(written.Who, (left, e) => left.Behind(e.Who));
            var entry = written with { Who = who };
            if (reached.Find(e => e.Who.Covers(who) && e.SurelyCoversPlaceOf(entry)) is { } earlier)
            {
                ends.TryAdd(written.Number, earlier.Number);
            }
            else reached.Add(entry);
        }

        foreach (var (number, earlier) in ends.Where(e => !reached.Exists(r => r.Number == e.Key)))
        {
            problems.Add(
                new SourceProblem(
                    all.First(e => e.Number == number).At,
                    $"entry {number} is left out: entry {earlier} before it matches everything it matches", IsWarning: true));
        }

        return reached;
    }

    private string Write()
    {
        var text = new StringBuilder(
            "# Imported from a docker_auth configuration; its entries are numbered from 1.\nversion: 1\n\nrules:\n");
        foreach (var entry in entries)
        {
            var id =
                $"entry-{entry.Number}{(entry.Part > 0 ? $"-{entry.Part}" : "")}{(entry.On.Type == Scope.RegistryType ? "-registry" : "")}";
            if (!entry.Actions.IsEmpty) WriteRule(text, id, entry, "allow", ExceptOf(entry.Who), entry.Ip is { } ip ? [ip] : []);
            var index = entries.TakeWhile(e => !ReferenceEquals(e, entry)).Count();
            var denials = entries.Skip(index + 1).Where(entry.MayMeet)
                .Select(later => entry.Narrowed(later) with { Actions = Missing(later.Actions, entry.Actions) })
                .Where(d => !d.Actions.IsEmpty)
                .GroupBy(d => (d.Who.Account, d.Who.Subject, string.Join(' ', d.Who.Except), d.On.Glob, d.Ip, d.Service))
                .Select(same => same.First() with { Actions = same.Aggregate(ActionSet.None, (all, d) => all.Union(d.Actions)) }).ToList();
            for (var i = 0; i < denials.Count; i++)
            {
                WriteDenial(text, denials.Count == 1 ? id + "-no-more" : $"{id}-no-more-{i + 1}", denials[i], [.. entries.Take(index)]);
            }
        }

        text.Append("\ntests:\n");
        foreach (var test in Tests()) text.Append(CultureInfo.InvariantCulture, $"  - {test}\n");
        return text.ToString().Replace("rules:\n\ntests:\n", "rules: []\n\ntests:\n", StringComparison.Ordinal);
    }

    // A denial must not take what an earlier entry gives: those whom that entry serves are excepted, or where it comes from.
    private void WriteDenial(StringBuilder text, string id, AclEntry denial, List<AclEntry> before)
    {
        if (before.Exists(e => e.Who.Covers(denial.Who) && e.SurelyCoversPlaceOf(denial))) return;
        var except = ExceptOf(denial.Who).ToList();
        List<IPNetwork> everywhere = [CidrParser.EveryIPv4, CidrParser.EveryIPv6];
        List<IPNetwork> networks = denial.Ip is { } ip ? [ip] : everywhere;
        foreach (var earlier in before.Where(e => e.MayMeet(denial) && !e.Actions.Intersect(denial.Actions).IsEmpty))
        {
            if (earlier.SurelyCoversPlaceOf(denial) && earlier.Who.Account is not "") except.Add(earlier.Who.Subject.Key);
            else if (earlier.Ip is { } from && earlier.Who.Covers(denial.Who) && (earlier with { Ip = null }).SurelyCoversPlaceOf(denial))
            {
                networks = [.. CidrParser.Without(networks, from)];
            }
            else problems.Add(
                new SourceProblem(
                    denial.At,
                    $"entry {denial.Number} gives less than entry {earlier.Number} before it and than an entry after it, on resources "
                    + $"they may share; this needs an order, which policies do not have: split the entries so that they do not overlap"));
        }

        if (networks.Count > 0)
        {
            WriteRule(
                text, id, denial, "deny", except.Distinct(StringComparer.Ordinal), networks.SequenceEqual(everywhere) ? [] : networks);
        }
    }

    private static ActionSet Missing(ActionSet later, ActionSet own)
    {
        if (own.HoldsAll) return ActionSet.None;
        if (!later.HoldsAll) return later.Except(own);
        return own.IsEmpty ? ActionSet.All : ActionSet.Pull.Union(ActionSet.Push).Union(ActionSet.Delete).Except(own);
    }

    private static IEnumerable<string> ExceptOf(AclSubject who) => who.Account is "" ? [Subject.Authenticated.Key] : who.Except;

    private static void WriteRule(
        StringBuilder text, string id, AclEntry entry, string effect, IEnumerable<string> except, List<IPNetwork> networks)
    {
        foreach (var line in entry.Comment.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            text.Append(CultureInfo.InvariantCulture, $"  # {line}\n");
        }

        text.Append(
            CultureInfo.InvariantCulture,
            $"  - id: {id}\n    to: [{Quoted(entry.Who.Subject.Key)}]\n    {effect}: "
            + $"[{string.Join(", ", entry.Actions.Words.Select(Quoted))}]\n    on: [{Quoted(entry.On.ToString())}]\n");
        var spared = except.Select(Quoted).ToList();
        if (spared.Count > 0) text.Append(CultureInfo.InvariantCulture, $"    except: [{string.Join(", ", spared)}]\n");
        List<string> when = [];
        if (networks.Count > 0) when.Add($"ip: [{string.Join(", ", networks.Select(n => Quoted(n.ToString())))}]");
        if (entry.Service is { } service) when.Add($"service: [{Quoted(service)}]");
        if (when.Count > 0) text.Append(CultureInfo.InvariantCulture, $"    when: {{ {string.Join(", ", when)} }}\n");
    }

    private IEnumerable<string> Tests()
    {
        var accounts = entries.Select(e => e.Who.Account).OfType<string>().Append(Somebody).Append("").Distinct(StringComparer.Ordinal)
            .Select(a => (Account: a, Groups: (string[])[]));
        var members = entries.Select(e => e.Who.Group).OfType<string>().Distinct(StringComparer.Ordinal)
            .Select(g => (Account: Somebody, Groups: (string[])["ldap:" + g]));
        IPAddress?[] addresses = entries.Any(e => e.Ip is not null)
            ? [IPAddress.Parse("192.0.2.1"), .. entries.Select(e => e.Ip).OfType<IPNetwork>().Select(n => n.BaseAddress).Distinct()]
            : [null];
        string?[] services = entries.Any(e => e.Service is not null)
            ? ["another-service", .. entries.Select(e => e.Service).OfType<string>().Distinct(StringComparer.Ordinal)]
            : [null];
        var cases =
            from caller in accounts.Concat(members)
            from resource in entries.SelectMany(e => Names(e.On, caller.Account, caller.Groups)).Distinct()
            from address in addresses
            from service in services
            from test in TestsOf(caller.Account, caller.Groups, resource, address, service)
            select test;
        return cases.Take(MaxTests);
    }

    private static IEnumerable<(string Type, string Name)> Names(ResourcePattern pattern, string account, string[] groups) =>
        from own in pattern.NamesAccount && RepositoryName.IsComponent(account) ? new[] { account, "other" } : ["other"]
        from @group in pattern.NamesGroup
        ? groups.Select(g => g["ldap:".Length..].ToLowerInvariant()).Where(g => RepositoryName.IsComponent(g)).Append("other")
        : ["other"]
        from across in Depths
        select (pattern.Type, pattern.Instance("sample", across, own, @group));

    // What the list says, read as docker_auth reads it.
    private IEnumerable<string> TestsOf(
        string account, string[] groups, (string Type, string Name) resource, IPAddress? address, string? service)
    {
        var words = resource.Type == Scope.RegistryType ? ActionSet.All : ActionSet.Pull.Union(ActionSet.Push).Union(ActionSet.Delete);
        var caller = new CallerSubjects(account, groups, new GroupDirectory([]), ignoresCase: false);
        var first = entries.FirstOrDefault(e => e.Matches(caller, new Scope(resource.Type, resource.Name, words), address, service));
        var can = first is null ? ActionSet.None : words.Intersect(first.Actions);
        foreach (var (verb, actions) in new[] { ("can", can), ("cannot", words.Except(can)) })
        {
            if (actions.IsEmpty) continue;
            var name = resource.Type == Scope.RepositoryType ? resource.Name : $"{resource.Type}:{resource.Name}";
            var circumstances = (groups.Length == 0 ? "" : $", groups: [{string.Join(", ", groups.Select(Quoted))}]")
                + (address is null ? "" : $", from: {Quoted(address.ToString())}")
                    + (service is null ? "" : $", service: {Quoted(service)}");
            yield return $"{{ as: {Quoted(account.Length == 0 ? SignIn.Anonymous : account)}{circumstances}, {verb}: "
                + $"{Quoted(actions.ToString())}, on: {Quoted(name)} }}";
        }
    }

    /// <summary>A text in double quotes, as YAML reads it.</summary>
    public static string Quoted(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
