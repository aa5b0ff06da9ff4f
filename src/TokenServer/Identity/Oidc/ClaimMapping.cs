using System.Text.Json;
using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>What the claims of an issuer's token must be, and the account and the groups that they make.</summary>
internal sealed class ClaimMapping
{
    private readonly string name;
    private readonly ClaimTemplate account;
    private readonly List<ClaimTemplate> groups;
    private readonly List<ClaimRequirement> requirements;

    /// <param name="name">What the accounts and groups begin with, before a colon.</param>
    /// <param name="account">The template of the account.</param>
    /// <param name="groups">The templates of the groups.</param>
    /// <param name="require">Required claims: for each, the patterns of which one must match.</param>
    /// <exception cref="OperatorException">A template is malformed.</exception>
    public ClaimMapping(string name, string account, IEnumerable<string> groups, IReadOnlyDictionary<string, List<string>> require)
    {
        this.name = name;
        this.account = Template(account, ofGroups: false);
        this.groups = [.. groups.Select(g => Template(g, ofGroups: true))];
        requirements = [.. require.Select(r => new ClaimRequirement(r.Key, r.Value))];
    }

    /// <summary>Makes the account and its groups.</summary>
    /// <param name="claims">The claims of a verified token.</param>
    /// <param name="who">The account, when there is one.</param>
    /// <param name="members">Its groups.</param>
    /// <returns>Null, or why the token is refused.</returns>
    public string? Map(JsonElement claims, out string who, out IReadOnlyList<string> members)
    {
        who = "";
        var found = new List<string>();
        members = found;
        foreach (var requirement in requirements)
        {
            if (requirement.Problem(claims) is { } unmet) return unmet;
        }

        if (account.Fill(claims, out var accounts) is { } nameless) return nameless;
        foreach (var template in groups)
        {
            if (template.Fill(claims, out var names) is { } unfit) return unfit;
            found.AddRange(names.Select(n => $"{name}:{n}"));
        }

        who = $"{name}:{accounts[0]}";
        return who.Length > AccountName.MaxLength ? $"its account would have more than {AccountName.MaxLength} characters" : null;
    }

    private static ClaimTemplate Template(string text, bool ofGroups) =>
        ClaimTemplate.TryParse(text, ofGroups, out var template, out var problem)
        ? template
        : throw new OperatorException($"'{text}' is not a template of claims: {problem}");
}
