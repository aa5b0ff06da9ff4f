using System.Globalization;
using System.Text;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Format;

/// <summary>Writes a policy file in its canonical form.</summary>
internal sealed class FormatWriter
{
    /// <summary>The longest line on which a list stands in brackets.</summary>
    private const int Width = 100;

    private readonly List<string> lines = [];

    public static string Write(FormatTree tree)
    {
        var writer = new FormatWriter();
        writer.Lines(tree.Head, 0);
        writer.Children(tree.Document, 0);
        writer.Lines(tree.Foot, 0);
        while (writer.lines is [.., ""]) writer.lines.RemoveAt(writer.lines.Count - 1);
        return string.Concat(writer.lines.Select(line => line + "\n"));
    }

    private void Children(FormatElement parent, int column)
    {
        foreach (var child in parent.Children)
        {
            Lines(child.Above, column);
            var indentation = new string(' ', column);
            if (child.Key is not null) Entry(child, indentation, column, child.Trailing);
            else Item(child, indentation + "- ", column + 2);
        }
    }

    private void Entry(FormatElement entry, string start, int column, string? trailing)
    {
        var head = $"{start}{Scalar(entry.Name, inFlow: false)}:";
        if (OnOneLine(entry, head.Length + 1) is { } value)
        {
            Line($"{head} {value}", trailing);
            return;
        }

        Line(head, trailing);
        Children(entry, column + 2);
    }

    private void Item(FormatElement item, string start, int column)
    {
        if (OnOneLine(item, start.Length) is { } value)
        {
            Line(start + value, item.Trailing);
            return;
        }

        // The first entry stands beside the dash, so what is above it goes above the dash.
        var first = item.Children[0];
        Lines(first.Above, column - 2);
        Entry(first, start, column, first.Trailing ?? item.Trailing);
        Children(new FormatElement(null, item.Value, isOpen: true) { Children = item.Children[1..] }, column);
    }

    private static string? OnOneLine(FormatElement element, int column)
    {
        if (element.Value is ScalarNode scalar) return Scalar(scalar, inFlow: false);
        if (element.Children.Count == 0) return Flow(element);
        if (element.IsOpen || element.HoldsComment) return null;
        var flow = Flow(element);
        return column + flow.Length <= Width || (element.Key is null && element.Value is SequenceNode) ? flow : null;
    }

    private static string Flow(FormatElement element) => element.Value switch
    {
        ScalarNode scalar => Scalar(scalar, inFlow: true),
        SequenceNode => $"[{string.Join(", ", element.Children.Select(Flow))}]",
        _ when element.Children.Count == 0 => "{}",
        _ => $"{{ {string.Join(", ", element.Children.Select(c => $"{Scalar(c.Name, inFlow: true)}: {Flow(c)}"))} }}",
    };

    private static string Scalar(ScalarNode scalar, bool inFlow)
    {
        if (!scalar.IsQuoted && !scalar.Value.Contains('\n') && !(inFlow && scalar.Value.AsSpan().ContainsAny(",[]{}")))
        {
            return scalar.Value;
        }

        var quoted = new StringBuilder("\"");
        foreach (var c in scalar.Value)
        {
            if (c is '"' or '\\') quoted.Append('\\').Append(c);
            else if (char.IsControl(c) || c is '\u2028' or '\u2029' or '\uFEFF')
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }

    private void Lines(IEnumerable<string> above, int column)
    {
        foreach (var line in above)
        {
            if (line.Length > 0) lines.Add(new string(' ', column) + line);
            else if (lines.Count > 0 && lines[^1].Length > 0) lines.Add("");
        }
    }

    private void Line(string text, string? trailing) => lines.Add(trailing is null ? text.TrimEnd() : $"{text.TrimEnd()} {trailing}");
}
