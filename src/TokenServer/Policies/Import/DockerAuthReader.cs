using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>
/// Reads the configuration of cesanta/docker_auth. What has no counterpart here is a problem with its name and place, never a guess.
/// </summary>
internal sealed class DockerAuthReader(ICollection<SourceProblem> problems)
{
    private static readonly string[] Known = ["server", "token", "users", "acl"];
    private static readonly string[] MatchKeys = ["account", "type", "name", "ip", "service"];

    // Regular expressions that every reader of one knows by sight, and that mean exactly what a subject means.
    private static readonly string[] EverySignedIn = ["/.+/", "/^.+$/"];
    private static readonly string[] Everybody = ["/.*/", "/^.*$/"];

    private bool anonymousMayEnter;

    /// <summary>The lines of an htpasswd file.</summary>
    public List<string> Htpasswd { get; } = [];

    /// <summary>The entries, in their order; one without a type stands twice, for repositories and for the registry.</summary>
    public List<AclEntry> Entries { get; } = [];

    /// <summary>Reads the file.</summary>
    public void Read(SourceNode node)
    {
        if (node is not MappingNode root)
        {
            Complain(node, $"a docker_auth configuration is a mapping, not {node.Kind}");
            return;
        }

        foreach (var (key, value) in root.Entries.Where(e => !Known.Contains(e.Key.Value)))
        {
            Complain(key, $"'{key.Value}' cannot be imported; take it out, and set up its counterpart by hand");
        }

        ReadUsers(root["users"]);
        if (root["acl"] is SequenceNode acl)
        {
            for (var i = 0; i < acl.Items.Count; i++) ReadEntry(i + 1, acl.Items[i]);
        }
        else
        {
            Complain(root, "there is no list 'acl'");
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
            foreach (var (key, _) in user?.Entries.Where(e => e.Key.Value != "password") ?? []) Complain(key, $"'{key.Value}' of the user '{name.Value}' cannot be imported");
            if (name.Value.Contains(':')) Complain(name, $"the user '{name.Value}' has a colon in its name, which an htpasswd file cannot hold");
            else if (user?["password"] is not ScalarNode { Value: ['$', '2', ..] } hash) Complain(value, $"the user '{name.Value}' has no bcrypt password");
            else Htpasswd.Add($"{name.Value}:{hash.Value}");
        }
    }

    private void ReadEntry(int number, SourceNode node)
    {
        var before = problems.Count;
        if (node is not MappingNode entry || entry["match"] is not MappingNode match || entry["actions"] is not SequenceNode words)
        {
            Complain(node, $"entry {number} has no 'match' or no list of 'actions'");
            return;
        }

        foreach (var (key, _) in match.Entries.Where(e => !MatchKeys.Contains(e.Key.Value))) Complain(key, $"entry {number} matches by '{key.Value}', which cannot be expressed");
        var actions = ReadActions(number, words);
        var who = ReadAccount(number, match["account"]);
        var ip = ReadNetwork(number, match["ip"]);
        var service = ReadService(number, match["service"]);
        var patterns = ReadResources(number, match);
        if (problems.Count > before) return;

        var comment = (entry["comment"] as ScalarNode)?.Value ?? "";
        foreach (var pattern in patterns)
        {
            // The registry's own resources are asked for with "*" alone, which only "*" gives.
            var given = pattern.Type == Scope.RegistryType && !actions.HoldsAll ? ActionSet.None : actions;
            Entries.Add(new AclEntry(number, entry.At, who, pattern, ip, service, given, comment));
        }
    }

    private ActionSet ReadActions(int number, SequenceNode words)
    {
        var actions = ActionSet.None;
        foreach (var word in words.Items)
        {
            if (word is not ScalarNode scalar || !ActionSet.TryParseWord(scalar.Value, out var action)) Complain(word, $"entry {number}: {word.Kind} is no action that is known here");
            else if (action.HoldsAll && words.Items.Count > 1) Complain(word, $"entry {number}: '*' beside other actions does not mean every action there; write it alone if that is meant");
            else actions = actions.Union(action);
        }

        return actions;
    }

    private AclSubject ReadAccount(int number, SourceNode? node)
    {
        // Without the user "" nobody gets in who did not sign in.
        var everybody = new AclSubject(null, SignedIn: !anonymousMayEnter);
        if (node is null) return everybody;
        if (node is not ScalarNode scalar) Complain(node, $"entry {number}: 'account' is a text");
        else if (Everybody.Contains(scalar.Value)) return everybody;
        else if (EverySignedIn.Contains(scalar.Value)) return new AclSubject(null, SignedIn: true);
        else if (scalar.Value.Length == 0) return new AclSubject("", SignedIn: false);
        else if (IsPattern(scalar.Value) || Subject.Parse("user:" + scalar.Value, out _) is not null) Complain(node, $"entry {number}: the account '{scalar.Value}' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for everybody who signed in");
        else return new AclSubject(scalar.Value, SignedIn: true);
        return everybody;
    }

    private IPNetwork? ReadNetwork(int number, SourceNode? node)
    {
        if (node is null) return null;
        if (node is not ScalarNode scalar) Complain(node, $"entry {number}: 'ip' is a text");
        else if (Network.Parse(scalar.Value, out var network) is { } problem) Complain(node, $"entry {number}: {problem}");
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
            else Complain(type, $"entry {number}: the type {type.Kind} cannot be expressed; it is repository or registry");
        }

        var name = match["name"] is null ? "**" : ReadName(number, match["name"]!);
        var found = new List<ResourcePattern>();
        foreach (var each in name is null ? [] : types)
        {
            if (ResourcePatternReader.Parse($"{each}:{name}", out var pattern) is { } problem) Complain(match["name"]!, $"entry {number}: {problem}");
            else found.Add(pattern!);
        }

        return found;
    }

    private string? ReadName(int number, SourceNode node)
    {
        if (node is not ScalarNode { Value.Length: > 0 } scalar)
        {
            Complain(node, $"entry {number}: 'name' is a text that is not empty");
            return null;
        }

        var name = scalar.Value.Replace("${account}", "{account}", StringComparison.Ordinal);
        if (name.Length > 2 && name[0] == '/' && name[^1] == '/') Complain(node, $"entry {number}: the name '{scalar.Value}' is a regular expression, which cannot be expressed");
        else if (name.Any(c => c is '?' or '[' or ']' or '\\') || name.Contains("${", StringComparison.Ordinal)) Complain(node, $"entry {number}: the name '{scalar.Value}' cannot be expressed; only * and ${{account}} can");
        else if (name.Split('/').Any(s => s.Contains("{account}", StringComparison.Ordinal) && s != "{account}")) Complain(node, $"entry {number}: the name '{scalar.Value}' cannot be expressed: ${{account}} must be a whole segment");
        else return name.Replace("**", "*", StringComparison.Ordinal);
        return null;
    }

    private static bool IsPattern(string text) => text.Any(c => c is '*' or '?' or '[' or ']' or '\\' or '$') || (text.Length > 2 && text[0] == '/' && text[^1] == '/');

    private void Complain(SourceNode at, string message) => problems.Add(new SourceProblem(at.At, message));
}
