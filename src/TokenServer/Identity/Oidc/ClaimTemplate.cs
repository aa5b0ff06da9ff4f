using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// Makes a name out of claims: text with claims in braces. Different claims never make the same name: a claim must not contain the
/// character that follows it in the template. For groups, <c>{claim?}</c> makes none when the claim is absent, and <c>{claim[]}</c> one for
/// each text of a list.
/// </summary>
internal sealed class ClaimTemplate
{
    private readonly string beginning;
    private readonly List<Part> parts;

    private ClaimTemplate(string beginning, List<Part> parts)
    {
        this.beginning = beginning;
        this.parts = parts;
    }

    /// <summary>Reads a template; false when it is malformed or ambiguous.</summary>
    /// <param name="text">The template.</param>
    /// <param name="ofGroups">Whether claims may be optional, and one a list.</param>
    /// <param name="template">The template, when it is one.</param>
    /// <param name="problem">What is wrong with it otherwise.</param>
    public static bool TryParse(
        string text, bool ofGroups, [NotNullWhen(true)] out ClaimTemplate? template, [NotNullWhen(false)] out string? problem)
    {
        var (pieces, read) = (text.Split('{'), new List<Part>());
        problem = pieces.Length == 1 ? "it has no claim in braces"
            : NameProblem(pieces[0] + "x") is not null || pieces[0].Contains('}', StringComparison.Ordinal)
            ? "it begins with a character that no name can begin with"
            : null;
        for (var i = 1; i < pieces.Length && problem is null; i++)
        {
            if (TryReadPart(pieces[i], ofGroups, isLast: i == pieces.Length - 1, out var part, out problem)) read.Add(part);
        }

        if (read.Count(p => p.IsList) > 1) problem ??= "more than one claim is a list";
        template = problem is null ? new ClaimTemplate(pieces[0], read) : null;
        return template is not null;
    }

    /// <summary>Reads a claim and what follows it, from behind its opening brace.</summary>
    private static bool TryReadPart(
        string piece, bool ofGroups, bool isLast, [NotNullWhen(true)] out Part? part, [NotNullWhen(false)] out string? problem)
    {
        part = null;
        var close = piece.IndexOf('}', StringComparison.Ordinal);
        problem = "its braces are not balanced";
        if (close < 0 || piece.LastIndexOf('}') != close) return false;
        var (claim, after) = (piece[..close], piece[(close + 1)..]);
        problem = "two claims are adjacent, so it is unclear where the first one ends";
        if (after.Length == 0 && !isLast) return false;
        problem = "it contains a control character";
        if (after.Any(char.IsControl)) return false;

        var isOptional = ofGroups && claim.EndsWith('?');
        if (isOptional) claim = claim[..^1];
        var isList = ofGroups && claim.EndsWith("[]", StringComparison.Ordinal);
        if (isList) claim = claim[..^2];
        problem = $"'{claim}' is not a claim";
        if (!ClaimPath.TryParse(claim, out var path)) return false;
        (part, problem) = (new Part(path, after, isOptional, isList), null);
        return true;
    }

    /// <summary>Makes the names of a token: exactly one, unless a claim is optional or a list.</summary>
    /// <returns>Null when they are made; otherwise what is wrong with a claim.</returns>
    public string? Fill(JsonElement claims, out IReadOnlyList<string> names)
    {
        names = [];
        List<StringBuilder> made = [new StringBuilder(beginning)];
        for (var i = 0; i < parts.Count; i++)
        {
            var part = parts[i];
            if (part.Claim.Find(claims) is not { } claim)
            {
                if (part.IsOptional) return null;
                return $"the claim {part.Claim.Text} is missing";
            }

            if (Values(part, claim, out var values) is { } wrong) return wrong;
            foreach (var value in values)
            {
                if (value.Length == 0) return $"the claim {part.Claim.Text} is empty";
                if (part.After.Length > 0 && value.Contains(part.After[0], StringComparison.Ordinal))
                {
                    return $"the claim {part.Claim.Text} contains '{part.After[0]}', which ends it in the name";
                }
            }

            made = part.IsList
                ? [.. made.SelectMany(m => values.Select(v => new StringBuilder(m.ToString()).Append(v).Append(part.After)))]
                : [.. made.Select(m => m.Append(values[0]).Append(part.After))];
        }

        var found = made.ConvertAll(m => m.ToString());
        names = found;
        return found.Select(NameProblem).FirstOrDefault(p => p is not null);
    }

    private static string? Values(Part part, JsonElement claim, out List<string> values)
    {
        values = [];
        if (!part.IsList)
        {
            if (ClaimPath.TextOf(claim) is not { } text) return $"the claim {part.Claim.Text} is not text";
            values.Add(text);
            return null;
        }

        if (claim.ValueKind != JsonValueKind.Array) return $"the claim {part.Claim.Text} is not a list";
        foreach (var item in claim.EnumerateArray())
        {
            if (ClaimPath.TextOf(item) is not { } text) return $"the claim {part.Claim.Text} is not a list of texts";
            values.Add(text);
        }

        return null;
    }

    /// <summary>
    /// What is wrong with a name: the rules of <see cref="AccountName"/>, except that colons are allowed after the issuer's.
    /// </summary>
    private static string? NameProblem(string name) =>
        AccountName.Problem("x" + name.Replace(':', '-')) is { } problem ? $"the claims do not make a valid name: {problem}" : null;

    /// <param name="Claim">The claim.</param>
    /// <param name="After">The text between it and the next.</param>
    /// <param name="IsOptional">Whether it may be absent.</param>
    /// <param name="IsList">Whether it is a list.</param>
    private sealed record Part(ClaimPath Claim, string After, bool IsOptional, bool IsList);
}
