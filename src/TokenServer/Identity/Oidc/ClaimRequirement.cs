using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// What a claim must be: a text or a truth value that one of the patterns matches, <c>*</c> within one segment of a path, <c>**</c>
/// across.
/// </summary>
internal sealed class ClaimRequirement
{
    private readonly ClaimPath claim;
    private readonly List<Regex> patterns;

    public ClaimRequirement(string claim, IEnumerable<string> patterns)
    {
        if (!ClaimPath.TryParse(claim, out var path)) throw new ArgumentException("is not a claim", nameof(claim));
        this.claim = path;
        this.patterns = [.. patterns.Select(ToRegex)];
    }

    /// <summary>Null when the token meets it; otherwise why not.</summary>
    public string? Problem(JsonElement claims)
    {
        if (claim.Find(claims) is not { } found) return $"the claim {claim.Text} is missing";
        var text = found.ValueKind switch { JsonValueKind.True => "true", JsonValueKind.False => "false", _ => ClaimPath.TextOf(found) };
        if (text is null) return $"the claim {claim.Text} is not text";
        return patterns.Exists(p => p.IsMatch(text))
            ? null
            : $"the claim {claim.Text} is '{LogText.Clean(text)}', which does not match";
    }

    private static Regex ToRegex(string pattern)
    {
        var regex = new StringBuilder(@"\A");
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] != '*') regex.Append(Regex.Escape(pattern[i].ToString()));
            else if (i + 1 < pattern.Length && pattern[i + 1] == '*')
            {
                regex.Append(".*");
                i++;
            }
            else
            {
                regex.Append("[^/]*");
            }
        }

        // Takes time in proportion to the claim's length, whatever the pattern.
        return new Regex(
            regex.Append(@"\z").ToString(), RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant);
    }
}
