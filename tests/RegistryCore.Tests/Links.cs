using System.Text.RegularExpressions;

namespace AuthIndex.RegistryCore.Tests;

internal static partial class Links
{
    /// <summary>Where the answer's <c>Link</c> header leads, read as strictly as clients do; null for the last page.</summary>
    public static string? Next(Answer answer)
    {
        if (answer["Link"].Length == 0) return null;
        var match = Form().Match(answer["Link"]);
        Assert.True(match.Success, answer["Link"]);
        return match.Groups["target"].Value;
    }

    [GeneratedRegex("""^<(?<target>[!-;=?-~]+)>; rel="next"$""", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Form();
}
