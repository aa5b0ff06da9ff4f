using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>
/// Reads the configuration of cesanta/docker_auth. What has no counterpart here is a problem with its name and place, never a guess.
/// </summary>
internal sealed class DockerAuthReader(ICollection<SourceProblem> problems)
{
    private static readonly string[] Known = ["server", "token", "users", "acl", "ldap_auth"];
    private static readonly string[] MatchKeys = ["account", "type", "name", "ip", "service", "labels"];

    private const int BcryptLength = 60;

    // Where the settings of the other sections have their counterparts.
    private static readonly Dictionary<string, string> Counterparts = new(StringComparer.Ordinal)
    {
        ["server.addr"] = "tokenServer.listen",
        ["server.certificate"] = "tokenServer.tls.certificateFile",
        ["server.key"] = "tokenServer.tls.keyFile",
        ["server.real_ip_header"] = "tokenServer.trustedProxies, which reads X-Forwarded-For",
        ["token.issuer"] = "tokenServer.issuer",
        ["token.expiration"] = "tokenServer.tokenLifetime",
        ["token.certificate"] = "tokenServer.keysDirectory, whose keys must be given to the registries again",
        ["token.key"] = "tokenServer.keysDirectory, whose keys must be given to the registries again",
    };

    // Regular expressions that every reader of one knows by sight, and that mean exactly what a subject means.
    private static readonly string[] EverySignedIn = ["/.+/", "/^.+$/"];
    private static readonly string[] Everybody = ["/.*/", "/^.*$/"];

    private readonly HashSet<string> users = new(StringComparer.Ordinal);
    private DockerAuthDirectory? directory;
    private bool anonymousMayEnter;

    /// <summary>The lines of an htpasswd file.</summary>
    public List<string> Htpasswd { get; } = [];

    /// <summary>The entries, in their order; one without a type stands twice, for repositories and for the registry.</summary>
    public List<AclEntry> Entries { get; } = [];

    /// <summary>The text of a configuration file with <c>tokenServer.ldap</c>; null when there is no directory.</summary>
    public string? Ldap => directory?.Text;

    /// <summary>Reads a docker_auth configuration; whatever cannot be expressed is added to the problems.</summary>
    public void Read(SourceNode node)
    {
        if (node is not MappingNode root)
        {
            Complain(node, $"a docker_auth configuration must be a mapping, not {node.Kind}");
            return;
        }

        foreach (var (key, value) in root.Entries.Where(e => !Known.Contains(e.Key.Value)))
        {
            Complain(key, $"'{key.Value}' cannot be imported; take it out, and set up its counterpart by hand");
        }

        foreach (var section in new[] { "server", "token" })
        {
            foreach (var (key, _) in (root[section] as MappingNode)?.Entries ?? [])
            {
                var counterpart = Counterparts.TryGetValue($"{section}.{key.Value}", out var known) ? $"; its counterpart is {known}" : "";
                Warn(key, $"'{section}.{key.Value}' is left out{counterpart}");
            }
        }

        ReadUsers(root["users"]);
        if (root["ldap_auth"] is { } ldap) directory = DockerAuthDirectory.Read(ldap, problems);
        if (root["acl"] is SequenceNode acl)
        {
            for (var i = 0; i < acl.Items.Count; i++) ReadEntry(i + 1, acl.Items[i]);
        }
        else
        {
            Complain(root, "there is no 'acl' list");
        }
    }

    private void ReadUsers(SourceNode? node)
    {
        foreach (var (name, value) in (node as MappingNode)?.Entries ?? [])
        {
            if (name.Value.Length == 0)
            {
                anonymousMayEnter = true;
                continue;
            }

            var user = value as MappingNode;
            foreach (var (key, _) in user?.Entries.Where(e => e.Key.Value != "password") ?? [])
            {
                Complain(key, $"'{key.Value}' of the user '{name.Value}' cannot be imported");
            }

            users.Add(name.Value);
            if (name.Value.Contains(':'))
            {
                Complain(name, $"the user '{name.Value}' has a colon in its name, which an htpasswd file cannot store");
            }
            else if (user?["password"] is not ScalarNode { Value: ['$', '2', ..] } hash)
            {
                Complain(value, $"the user '{name.Value}' has no bcrypt password");
            }
            else if (hash.Value.Length != BcryptLength)
            {
                Warn(
                    hash,
                    $"the user '{name.Value}' is left out: a bcrypt hash has {BcryptLength} characters, not "
                    + $"{hash.Value.Length}, so no password matches it");
            }
            else Htpasswd.Add($"{name.Value}:{hash.Value}");
        }
    }

    private void ReadEntry(int number, SourceNode node)
    {
        var before = problems.Count(p => !p.IsWarning);
        if (node is not MappingNode entry || entry["match"] is not MappingNode match || entry["actions"] is not SequenceNode words)
        {
            Complain(node, $"entry {number} has no 'match' or no list of 'actions'");
            return;
        }

        foreach (var (key, _) in match.Entries.Where(e => !MatchKeys.Contains(e.Key.Value)))
        {
            Complain(key, $"entry {number} matches by '{key.Value}', which cannot be expressed");
        }

        var actions = ReadActions(number, words);
        var whom = match["labels"] is { } labels ? ReadLabels(number, labels, match["account"]) : ReadAccounts(number, match["account"]);
        var ip = ReadNetwork(number, match["ip"]);
        var service = ReadService(number, match["service"]);
        var patterns = ReadResources(number, match);
        if (problems.Count(p => !p.IsWarning) > before) return;

        var comment = (entry["comment"] as ScalarNode)?.Value ?? "";
        var several = whom.Count * patterns.GroupBy(p => p.Type).Select(g => g.Count()).DefaultIfEmpty(0).Max() > 1;
        var parts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var who in whom)
        {
            foreach (var pattern in patterns)
            {
                // The registry's own resources are asked for with "*" alone, which only "*" gives.
                var given = pattern.Type == Scope.RegistryType && !actions.HoldsAll ? ActionSet.None : actions;
                var part = several ? parts[pattern.Type] = parts.GetValueOrDefault(pattern.Type) + 1 : 0;
                Entries.Add(new AclEntry(number, part, entry.At, who, pattern, ip, service, given, comment));
            }
        }
    }

    private ActionSet ReadActions(int number, SequenceNode words)
    {
        var actions = ActionSet.None;
        foreach (var word in words.Items)
        {
            // Some lists say "nothing" by an empty word, which is none that anybody asks for.
            if (word is ScalarNode { Value: "" }) continue;
            if (word is not ScalarNode scalar || !ActionSet.TryParseWord(scalar.Value, out var action))
            {
                Complain(word, $"entry {number}: {word.Kind} is not a known action");
            }
            else if (action.HoldsAll && words.Items.Count > 1)
            {
                Complain(
                    word, $"entry {number}: '*' alongside other actions does not mean every action in docker_auth; "
                    + "write it alone if that is intended");
            }
            else actions = actions.Union(action);
        }

        return actions;
    }

    private List<AclSubject> ReadAccounts(int number, SourceNode? node)
    {
        // Without the user "" nobody gets in who did not sign in.
        var everybody = new AclSubject(null, SignedIn: !anonymousMayEnter);
        if (node is null) return [everybody];
        if (node is not ScalarNode scalar) Complain(node, $"entry {number}: 'account' must be text");
        else if (Everybody.Contains(scalar.Value)) return [everybody];
        else if (EverySignedIn.Contains(scalar.Value)) return [new AclSubject(null, SignedIn: true)];
        else if (scalar.Value.Length == 0) return [new AclSubject("", SignedIn: false)];
        else if (Alternatives.Read(scalar.Value) is { } alternatives)
        {
            return [.. Named(number, scalar, alternatives).Select(a => new AclSubject(a, SignedIn: true))];
        }
        else if (IsPattern(scalar.Value) || Subject.Parse("user:" + scalar.Value, out _) is not null)
        {
            Complain(
                node,
                $"entry {number}: the account '{scalar.Value}' is a pattern, which cannot be expressed; name the accounts, or use /.+/ "
                + $"for everybody who signed in");
        }
        else return [new AclSubject(scalar.Value, SignedIn: true)];
        return [];
    }

    // The accounts that alternatives name; where a part of the name is enough there, also the users who have one of them in theirs.
    private IEnumerable<string> Named(int number, ScalarNode at, Alternatives alternatives)
    {
        if (alternatives.IsWhole) return alternatives.Texts;
        if (directory is not null)
        {
            Complain(
                at, $"entry {number}: '{at.Value}' matches every account of the directory with one of these in its name, which cannot be "
                    + $"expressed; write /^({string.Join('|', alternatives.Texts)})$/ if these accounts are intended");
            return [];
        }

        var named = alternatives.Texts.Concat(
            users.Where(u => alternatives.Texts.Any(t => u.Contains(t, StringComparison.Ordinal))).Order(StringComparer.Ordinal))
            .Distinct(StringComparer.Ordinal).ToList();
        Warn(
            at, $"entry {number}: '{at.Value}' matches accounts with one of these in their names; it is imported for "
                + $"{string.Join(", ", named)}, and not for accounts added later");
        return named;
    }

    // Labels of a directory that hold its groups are those groups.
    private List<AclSubject> ReadLabels(int number, SourceNode node, SourceNode? account)
    {
        if (directory is null || account is not null || node is not MappingNode { Entries: [var (label, value)] })
        {
            Complain(
                node, $"entry {number} matches by 'labels', which can be expressed only for one label of ldap_auth and without 'account'");
        }
        else if (!directory.GroupLabels.Contains(label.Value))
        {
            Complain(label, $"entry {number}: the label '{label.Value}' is not a list of groups (memberOf), which cannot be expressed");
        }
        else if (value is ScalarNode { Value.Length: > 0 } scalar
            && (Alternatives.Read(scalar.Value) is { IsWhole: true } || !IsPattern(scalar.Value)))
        {
            return [.. (Alternatives.Read(scalar.Value)?.Texts ?? [scalar.Value]).Select(g => new AclSubject(null, SignedIn: true, g))];
        }
        else
        {
            Complain(value, $"entry {number}: the label {value.Kind} is a pattern, which cannot be expressed; name the group");
        }

        return [];
    }

    private IPNetwork? ReadNetwork(int number, SourceNode? node)
    {
        if (node is null) return null;
        if (node is not ScalarNode scalar) Complain(node, $"entry {number}: 'ip' must be text");
        else if (CidrParser.Parse(scalar.Value, out var network) is { } problem) Complain(node, $"entry {number}: {problem}");
        else return network;
        return null;
    }

    private string? ReadService(int number, SourceNode? node)
    {
        if (node is null) return null;
        if (node is ScalarNode scalar && scalar.Value.Length > 0 && !IsPattern(scalar.Value)) return scalar.Value;
        Complain(node, $"entry {number}: the service {node.Kind} is a pattern, which cannot be expressed; name the service");
        return null;
    }

    private List<ResourcePattern> ReadResources(int number, MappingNode match)
    {
        string[] types = [Scope.RepositoryType, Scope.RegistryType];
        if (match["type"] is { } type)
        {
            if (type is ScalarNode scalar && types.Contains(scalar.Value)) types = [scalar.Value];
            else Complain(type, $"entry {number}: the type {type.Kind} cannot be expressed; use repository or registry");
        }

        var found = new List<ResourcePattern>();
        var node = match["name"];
        foreach (var name in node is null ? ["**"] : ReadNames(number, node))
        {
            foreach (var each in types)
            {
                if (ResourcePatternReader.TryParse($"{each}:{name}", out var pattern, out var problem)) found.Add(pattern);
                else Complain(node ?? match, $"entry {number}: {problem}");
            }
        }

        return found;
    }

    private List<string> ReadNames(int number, SourceNode node)
    {
        if (node is not ScalarNode { Value.Length: > 0 } scalar)
        {
            Complain(node, $"entry {number}: 'name' must be non-empty text");
            return [];
        }

        var names = Alternatives.Read(scalar.Value) is { IsWhole: true } alternatives ? alternatives.Texts : [scalar.Value];
        return [.. names.Select(name => ReadName(number, scalar, name)).OfType<string>()];
    }

    private string? ReadName(int number, ScalarNode at, string text)
    {
        var name = text.Replace("${account}", "{account}", StringComparison.Ordinal);
        foreach (var label in directory?.GroupLabels ?? [])
        {
            name = name.Replace($"${{labels:{label}}}", "{group}", StringComparison.Ordinal);
        }

        if (name.Length > 2 && name[0] == '/' && name[^1] == '/')
        {
            Complain(at, $"entry {number}: the name '{text}' is a regular expression, which cannot be expressed");
        }
        else if (name.Any(c => c is '?' or '[' or ']' or '\\') || name.Contains("${", StringComparison.Ordinal))
        {
            Complain(at, $"entry {number}: the name '{text}' cannot be expressed; only * and ${{account}} can");
        }
        else if (name.Any(char.IsAsciiLetterUpper))
        {
            Warn(at, $"entry {number}: the name '{text}' is left out: repositories have lower-case names, so it matches none");
        }
        else
        {
            if (name.Split('/').Any(s => s.Contains("{account}", StringComparison.Ordinal) && s != "{account}"))
            {
                Warn(at, $"entry {number}: an account whose name begins or ends with '.', '_' or '-' never matches '{text}' here");
            }

            return name.Replace("**", "*", StringComparison.Ordinal);
        }

        return null;
    }

    private static bool IsPattern(string text) =>
        text.Any(c => c is '*' or '?' or '[' or ']' or '\\' or '$') || (text.Length > 2 && text[0] == '/' && text[^1] == '/');

    private void Warn(SourceNode at, string message) => problems.Add(new SourceProblem(at.At, message, IsWarning: true));

    private void Complain(SourceNode at, string message) => problems.Add(new SourceProblem(at.At, message));
}
