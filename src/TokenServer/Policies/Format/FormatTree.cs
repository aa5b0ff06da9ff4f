using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Policies.Format;

/// <summary>The elements of one policy file in canonical order, with every comment at the element it belongs to.</summary>
internal sealed class FormatTree
{
    private readonly YamlLayout layout;
    private readonly string[] lines;

    // The elements that can have comments: those in no brackets and braces, in the file's order.
    private readonly List<FormatElement> commentable = [];

    private FormatTree(MappingNode document, YamlLayout layout, string[] lines)
    {
        this.layout = layout;
        this.lines = lines;
        Document = new FormatElement(null, document, isOpen: true);
        AddChildren(Document, isDocument: true, inFlow: false);
    }

    /// <summary>The file's top-level element.</summary>
    public FormatElement Document { get; }

    /// <summary>The lines at the head of the file that stay there, whichever key comes first.</summary>
    public List<string> Head { get; } = [];

    /// <summary>The lines after the last element.</summary>
    public List<string> Foot { get; } = [];

    public static FormatTree Make(MappingNode document, YamlLayout layout, string text)
    {
        var tree = new FormatTree(document, layout, text.Split('\n'));
        foreach (var comment in layout.Comments) tree.Place(comment);
        tree.PlaceEmptyLines();
        tree.SplitHead();
        Sort(tree.Document, PolicyKeys.Document);
        return tree;
    }

    private void AddChildren(FormatElement parent, bool isDocument, bool inFlow)
    {
        inFlow |= layout.FlowStarts.Contains(parent.Value.At);
        IEnumerable<(ScalarNode? Key, SourceNode Value)> children = parent.Value switch
        {
            MappingNode mapping => mapping.Entries.Select(e => ((ScalarNode?)e.Key, e.Value)),
            SequenceNode list => list.Items.Select(i => ((ScalarNode?)null, i)),
            _ => [],
        };
        foreach (var (key, value) in children)
        {
            var isRule = parent.Key?.Value == "rules" && parent.IsOpen && value is MappingNode;
            var child = new FormatElement(key, value, isOpen: isDocument || isRule);
            parent.Children.Add(child);
            if (!inFlow) commentable.Add(child);
            AddChildren(child, isDocument: false, inFlow);
        }
    }

    private void Place(YamlComment comment)
    {
        var next = commentable.FindIndex(e => YamlLayout.IsBefore(comment.At, e.Start));
        var previous = next < 0 ? commentable.LastOrDefault() : next == 0 ? null : commentable[next - 1];
        // Only the dash of an item before it: what it is about comes after it.
        var isAlone = lines[comment.At.Line - 1].AsSpan(0, comment.At.Column - 1).Trim("- \t").IsEmpty;
        if (previous is not null && !isAlone && previous.Trailing is null) previous.Trailing = comment.Text;
        else if (previous is not null && (!isAlone || IsBeforeValue(comment, previous))) previous.Above.Add(comment.Text);
        else if (next >= 0) AddAbove(commentable[next].Above, comment);
        else AddAbove(YamlLayout.IsBefore(comment.At, Document.Start) ? Head : Foot, comment);
    }

    // Between a key and its value: the comment is about the entry and not about the one after it.
    private bool IsBeforeValue(YamlComment comment, FormatElement entry) =>
        entry.Key is not null
        && YamlLayout.IsBefore(comment.At, entry.Value.At)
        && (entry.Value is ScalarNode { Value: not "" } || layout.FlowStarts.Contains(entry.Value.At));

    private void PlaceEmptyLines()
    {
        var done = new HashSet<int>();
        foreach (var element in commentable)
        {
            if (done.Add(element.Start.Line) && IsEmpty(element.Start.Line - 1)) element.Above.Add("");
        }
    }

    private void AddAbove(List<string> above, YamlComment comment)
    {
        if (IsEmpty(comment.At.Line - 1)) above.Add("");
        above.Add(comment.Text);
    }

    private bool IsEmpty(int line) => line >= 1 && string.IsNullOrWhiteSpace(lines[line - 1]);

    // A comment on the whole file ends at an empty line; the first line can also be one that editors look for.
    private void SplitHead()
    {
        if (Document.Children.Count == 0) return;
        var above = Document.Children[0].Above;
        while (above.Count > 0 && above[0].Length == 0) above.RemoveAt(0);
        var count = above.LastIndexOf("") + 1;
        if (count == 0 && above.Count > 0 && above[0].StartsWith("# yaml-language-server:", StringComparison.Ordinal)) count = 1;
        Head.AddRange(above.Take(count));
        above.RemoveRange(0, count);
    }

    private static void Sort(FormatElement element, IReadOnlyList<string>? keys)
    {
        if (keys is not null && element.Value is MappingNode)
        {
            element.Children = [.. element.Children.OrderBy(c => Place(keys, c.Name.Value))];
        }

        foreach (var child in element.Children)
        {
            Sort(child, (element.Key?.Value, child.Key?.Value) switch
            {
                ("rules", null) => PolicyKeys.Rule,
                ("tests", null) => PolicyKeys.Test,
                (null, "when") => PolicyKeys.When,
                _ => null,
            });
        }
    }

    private static int Place(IReadOnlyList<string> keys, string key) => keys.Index().First(k => k.Item == key).Index;
}
