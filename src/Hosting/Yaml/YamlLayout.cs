using YamlDotNet.Core;
using YamlDotNet.Core.Tokens;

namespace AuthIndex.Hosting.Yaml;

/// <summary>A comment in a YAML file.</summary>
/// <param name="At">The position of its <c>#</c>.</param>
/// <param name="Text">Its text from the <c>#</c> on, without spaces at the end.</param>
/// <param name="IsInFlow">Whether it is within brackets or braces.</param>
public sealed record YamlComment(SourcePosition At, string Text, bool IsInFlow);

/// <summary>What <see cref="YamlSource"/> leaves out: the comments of a file, and which collections are in brackets or braces.</summary>
/// <param name="Comments">The comments, in the file's order.</param>
/// <param name="FlowStarts">Where lists in brackets and mappings in braces begin.</param>
public sealed record YamlLayout(IReadOnlyList<YamlComment> Comments, IReadOnlySet<SourcePosition> FlowStarts)
{
    /// <summary>Reads the layout of a text that <see cref="YamlSource"/> reads without an error; lines end in a line feed alone.</summary>
    public static YamlLayout Read(string path, string text)
    {
        var lines = text.Split('\n');
        var found = new List<(SourcePosition At, int Depth)>();
        var scanner = new Scanner(new StringReader(text), skipComments: false);
        while (scanner.MoveNext() && scanner.Current is { } token)
        {
            var depth = token switch
            {
                FlowSequenceStart or FlowMappingStart => 1,
                FlowSequenceEnd or FlowMappingEnd => -1,
                Comment => 0,
                _ => (int?)null,
            };
            if (depth is { } change)
            {
                found.Add((new SourcePosition(path, (int)token.Start.Line, (int)token.Start.Column), change));
            }
        }

        var comments = new List<YamlComment>();
        var open = 0;
        foreach (var (at, depth) in found.OrderBy(f => f.At.Line).ThenBy(f => f.At.Column))
        {
            open += depth;
            if (depth == 0) comments.Add(new YamlComment(at, lines[at.Line - 1][(at.Column - 1)..].TrimEnd(), open > 0));
        }

        return new YamlLayout(comments, found.Where(f => f.Depth > 0).Select(f => f.At).ToHashSet());
    }

    /// <summary>Whether one place of a file comes before another.</summary>
    public static bool IsBefore(SourcePosition first, SourcePosition second) =>
        (first.Line, first.Column).CompareTo((second.Line, second.Column)) < 0;
}
