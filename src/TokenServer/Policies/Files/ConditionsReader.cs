using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads the <c>when</c> of a rule.</summary>
internal static class ConditionsReader
{
    public static Conditions Read(YamlFields rule, DateTimeOffset now, ICollection<SourceProblem> problems)
    {
        if (rule["when"] is not { } node) return Conditions.None;
        if (node is not MappingNode { Entries.Count: > 0 } mapping)
        {
            rule.Complain(
                node,
                $"'when' must be a mapping of conditions, not {(node is MappingNode ? "an empty one" : node.Kind)}; known here: "
                + $"{string.Join(", ", PolicyKeys.When)}");
            return Conditions.None;
        }

        var when = new YamlFields(mapping, PolicyKeys.When, problems);
        var zone = ReadZone(when);
        var from = ReadInstant(when, "from", zone, lastOfDay: false);
        var until = ReadInstant(when, "until", zone, lastOfDay: true);
        if (from >= until) when.Complain(when["until"], "the rule ends before it begins, so it can never match");
        else if (until <= now) when.Warn(when["until"], "the date has passed: the rule no longer matches");
        return new Conditions(ReadNetworks(when), ReadTexts(when, "service"), ReadSignIns(when), from, until);
    }

    /// <summary>Reads how a caller signed in; a problem when it is not a known method.</summary>
    public static string? ReadSignIn(YamlFields fields, ScalarNode text)
    {
        if (SignIn.Kinds.Contains(text.Value)) return text.Value;
        fields.Complain(text, $"'{text.Value}' is not a sign-in method{Suggestion.For(text.Value, SignIn.Kinds)}");
        return null;
    }

    private static List<string> ReadTexts(YamlFields when, string key) => [.. (when.Texts(key) ?? []).Select(t => t.Value)];

    private static List<string> ReadSignIns(YamlFields when) =>
        [.. (when.Texts("signedInBy") ?? []).Select(text => ReadSignIn(when, text)).OfType<string>()];

    private static List<IPNetwork> ReadNetworks(YamlFields when)
    {
        var found = new List<IPNetwork>();
        foreach (var text in when.Texts("ip") ?? [])
        {
            if (CidrParser.Parse(text.Value, out var network) is { } problem)
            {
                when.Complain(text, problem);
                continue;
            }

            if (network.PrefixLength == 0)
            {
                when.Warn(text, $"{text.Value} matches every address of its family; leave it out if that is intended");
            }

            found.Add(network);
        }

        return found;
    }

    private static TimeZoneInfo? ReadZone(YamlFields when)
    {
        if (when.Text("timeZone") is not { } text) return null;
        if (!when.Has("from") && !when.Has("until")) when.Warn(text, "'timeZone' without 'from' or 'until' does nothing");
        if (TimeZoneInfo.TryFindSystemTimeZoneById(text.Value, out var zone)) return zone;
        when.Complain(
            text, $"there is no time zone '{text.Value}'{Suggestion.For(text.Value, TimeZoneInfo.GetSystemTimeZones().Select(z => z.Id))}");
        return null;
    }

    private static DateTimeOffset? ReadInstant(YamlFields when, string key, TimeZoneInfo? zone, bool lastOfDay)
    {
        if (when.Text(key) is not { } text) return null;
        if (PolicyDate.Parse(text.Value, zone, lastOfDay, out var instant) is not { } problem) return instant;
        when.Complain(text, problem);
        return null;
    }
}
