using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Policies.Format;

/// <summary>
/// Brings a policy file into its canonical form. What it writes is read again and compared with what was read: the same values
/// under the same keys, and the same comments. If anything differs, there is no result.
/// </summary>
internal static class PolicyFormatter
{
    /// <summary>Formats a file that holds no error.</summary>
    /// <param name="file">The file.</param>
    /// <param name="problem">Why there is no result, when there is none.</param>
    /// <returns>The canonical text; null when the file is to be left alone.</returns>
    public static byte[]? Format(PolicyFile file, out SourceProblem? problem)
    {
        problem = null;
        var whole = new SourcePosition(file.Path, 0, 0);
        var text = Encoding.UTF8.GetString(file.Content.Span).TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal);
        if (text.AsSpan().ContainsAny("\r\u0085\u2028\u2029"))
        {
            problem = new SourceProblem(whole, "its line endings are neither LF nor CRLF");
        }
        else if (Read(file.Path, text) is not { } before) problem = new SourceProblem(whole, "it is not valid YAML");
        else if (before.Layout.Comments.FirstOrDefault(c => c.IsInFlow) is { } inside)
        {
            problem = new SourceProblem(
                inside.At,
                "a comment within brackets or braces cannot be kept in the canonical form; move it above, or write the list with dashes");
        }
        else
        {
            var formatted = FormatWriter.Write(FormatTree.Make(before.Document, before.Layout, text));
            if (Read(file.Path, formatted) is { } after
                && IsSame(before.Document, after.Document)
                && CommentsOf(before.Layout).SequenceEqual(CommentsOf(after.Layout)))
            {
                return Encoding.UTF8.GetBytes(formatted);
            }

            problem = new SourceProblem(whole, "its canonical form would change its meaning");
        }

        return null;
    }

    private static (MappingNode Document, YamlLayout Layout)? Read(string path, string text) =>
        YamlSource.Read(path, Encoding.UTF8.GetBytes(text), []) is MappingNode document ? (document, YamlLayout.Read(path, text)) : null;

    private static IEnumerable<string> CommentsOf(YamlLayout layout) => layout.Comments.Select(c => c.Text).Order(StringComparer.Ordinal);

    // Quotes do not count where they change nothing; the order of keys never does.
    private static bool IsSame(SourceNode before, SourceNode after) => (before, after) switch
    {
        (ScalarNode a, ScalarNode b) => a.Value == b.Value && a.IsNull == b.IsNull && (b.IsQuoted || !a.IsQuoted),
        (SequenceNode a, SequenceNode b) => a.Items.Count == b.Items.Count && a.Items.Zip(b.Items).All(p => IsSame(p.First, p.Second)),
        (MappingNode a, MappingNode b) =>
            a.Entries.Count == b.Entries.Count && a.Entries.All(e => b[e.Key.Value] is { } value && IsSame(e.Value, value)),
        _ => false,
    };
}
