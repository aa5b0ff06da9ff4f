using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AuthIndex.Hosting.Yaml;

/// <summary>
/// Reads YAML strictly: one document of mappings, lists and scalars, each with its place. Common mistakes are errors with their line:
/// duplicate keys, tabs, anchors and aliases (and so alias bombs), tags, several documents, invalid UTF-8, files and nestings beyond a
/// bound.
/// </summary>
public static class YamlSource
{
    /// <summary>The largest file read, in bytes.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    /// <summary>The deepest nesting read.</summary>
    public const int MaxDepth = 32;

    private const char NoBreakSpace = '\u00a0';

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Reads a file. Null with at least one problem that is no warning when it cannot be read whole; an empty file is an empty mapping.
    /// </summary>
    public static SourceNode? ReadFile(string path, ICollection<SourceProblem> problems)
    {
        if (Directory.Exists(path))
        {
            problems.Add(new SourceProblem(new SourcePosition(path, 0, 0), "this is a folder, not a file"));
            return null;
        }

        try
        {
            // Opened before it is measured, so that a file replaced in between is not read unmeasured.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length > MaxBytes)
            {
                problems.Add(
                    new SourceProblem(new SourcePosition(path, 0, 0), $"the file has {file.Length} bytes; at most {MaxBytes} are read"));
                return null;
            }

            var bytes = new byte[file.Length];
            var read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return Read(path, bytes.AsSpan(0, read), problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new SourceProblem(new SourcePosition(path, 0, 0), $"cannot be read: {e.Message}"));
            return null;
        }
    }

    /// <summary>Reads the bytes of a file; <paramref name="path"/> only names it in problems.</summary>
    public static SourceNode? Read(string path, ReadOnlySpan<byte> bytes, ICollection<SourceProblem> problems)
    {
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        string text;
        try
        {
            text = StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            problems.Add(new SourceProblem(new SourcePosition(path, 0, 0), "the file is not UTF-8 text"));
            return null;
        }

        if (Unreadable(path, text) is { } unreadable)
        {
            problems.Add(unreadable);
            return null;
        }

        var before = problems.Count(p => !p.IsWarning);
        try
        {
            var node = new Reader(path, text, problems).ReadDocument();
            return problems.Count(p => !p.IsWarning) > before ? null : node;
        }
        catch (YamlException e)
        {
            problems.Add(Explain(path, text, e));
            return null;
        }
    }

    private static SourcePosition Position(string path, Mark mark) => new(path, (int)mark.Line, (int)mark.Column);

    // What must be found before parsing: the parser ends at a NUL character as at the end of the file, so that all behind it would
    // silently be missing; and of a conflict that was not resolved it would say something about keys.
    private static SourceProblem? Unreadable(string path, string text)
    {
        var line = 0;
        foreach (var content in text.AsSpan().EnumerateLines())
        {
            line++;
            var odd = content.IndexOfAnyInRange('\0', '\b');
            if (odd < 0) odd = content.IndexOfAnyInRange('\x0e', '\x1f');
            if (odd >= 0)
            {
                return new SourceProblem(
                    new SourcePosition(path, line, odd + 1),
                    $"the control character U+{(int)content[odd]:X4}, which a YAML file cannot contain; is the file complete?");
            }

            if (content.StartsWith("<<<<<<< ", StringComparison.Ordinal) || content.StartsWith(">>>>>>> ", StringComparison.Ordinal))
            {
                return new SourceProblem(
                    new SourcePosition(path, line, 1), $"a merge conflict that is not resolved: the line begins with {content[..7]}");
            }
        }

        return null;
    }

    private static SourceProblem Explain(string path, string text, YamlException e)
    {
        // The parser's own place is often the beginning of what the offending line continues, and at times that of the file.
        var lines = text.Split('\n');
        var near = Enumerable.Range(
            (int)Math.Max(1, e.Start.Line), (int)Math.Max(0, Math.Min(e.End.Line + 1, lines.Length) - Math.Max(1, e.Start.Line) + 1));
        foreach (var line in near.Concat(Enumerable.Range(1, lines.Length)))
        {
            var content = lines[line - 1].AsSpan();
            var indentation = content[..^content.TrimStart().Length];
            if (indentation.Contains('\t'))
            {
                return new SourceProblem(
                    new SourcePosition(path, line, indentation.IndexOf('\t') + 1),
                    "YAML is indented with spaces; this line begins with a tab");
            }

            if (indentation.Contains(NoBreakSpace)) return NoBreak(path, line, indentation);
        }

        var at = Position(path, e.Start);
        var rest = lines.ElementAtOrDefault(at.Line - 1).AsSpan();
        return at.Column >= 1 && at.Column <= rest.Length && rest[at.Column - 1] is '*' or '&' or '%' or '@' or '`'
            ? new SourceProblem(at, $"a text that begins with '{rest[at.Column - 1]}' must be quoted in YAML")
            : rest.Contains(NoBreakSpace) ? NoBreak(path, at.Line, rest) : new SourceProblem(at, $"not YAML: {e.Message}");
    }

    private static SourceProblem NoBreak(string path, int line, ReadOnlySpan<char> content) =>
        new(
            new SourcePosition(path, line, content.IndexOf(NoBreakSpace) + 1),
            "a no-break space (U+00A0), which looks like a space but is not one in YAML");

    private sealed class Reader(string path, string text, ICollection<SourceProblem> problems)
    {
        private readonly Parser parser = new(new StringReader(text));

        // Set where the nesting is too deep. The rest is not looked at: the parser's time grows with the square of the depth.
        private bool stopped;

        public SourceNode? ReadDocument()
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _)) return new MappingNode(new SourcePosition(path, 1, 1), []);

            parser.Consume<DocumentStart>();
            var node = ReadNode(0);
            if (stopped) return null;
            parser.Consume<DocumentEnd>();
            if (parser.Current is DocumentStart another) Complain(another, "a second document; a file holds only one");
            return node is ScalarNode { IsNull: true } ? new MappingNode(node.At, []) : node;
        }

        private SourceNode? ReadNode(int depth)
        {
            if (parser.Current is AnchorAlias alias)
            {
                parser.MoveNext();
                return Complain(alias, alias.Value.Value.All(char.IsAsciiLetterOrDigit)
                    ? $"the alias *{alias.Value} is not supported; write the value out"
                    : "a text that begins with '*' must be quoted in YAML");
            }

            if (parser.Current is NodeEvent node)
            {
                if (!node.Anchor.IsEmpty)
                {
                    Complain(node, $"the anchor &{node.Anchor} is not supported; write the value out where it is needed");
                }

                if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific) Complain(node, $"the tag {node.Tag} is not supported");
            }

            if (depth > MaxDepth)
            {
                Complain(Here, $"nested more than {MaxDepth} levels deep");
                stopped = true;
                return null;
            }

            if (parser.TryConsume<Scalar>(out var scalar))
            {
                return new ScalarNode(At(scalar), scalar.Value, scalar.Style is not ScalarStyle.Plain);
            }

            return parser.Current is SequenceStart ? ReadSequence(depth) : ReadMapping(depth);
        }

        private ParsingEvent Here => parser.Current ?? throw new InvalidOperationException("The parser is at the end.");

        private SequenceNode ReadSequence(int depth)
        {
            var start = parser.Consume<SequenceStart>();
            var items = new List<SourceNode>();
            while (!stopped && !parser.TryConsume<SequenceEnd>(out _))
            {
                if (ReadNode(depth + 1) is { } item) items.Add(item);
            }

            return new SequenceNode(At(start), items);
        }

        private MappingNode ReadMapping(int depth)
        {
            var start = parser.Consume<MappingStart>();
            var entries = new List<KeyValuePair<ScalarNode, SourceNode>>();
            var lines = new Dictionary<string, int>(StringComparer.Ordinal);
            while (!stopped && !parser.TryConsume<MappingEnd>(out _))
            {
                var at = Here;
                var key = ReadNode(depth + 1);
                if (stopped) break;
                var value = ReadNode(depth + 1);
                if (key is not ScalarNode name)
                {
                    if (key is not null) Complain(at, "a key must be a plain text");
                }
                else if (!lines.TryAdd(name.Value, name.At.Line))
                {
                    Complain(at, $"the key '{name.Value}' is used twice; the first is on line {lines[name.Value]}");
                }
                else if (value is not null)
                {
                    entries.Add(new(name, value));
                }
            }

            // A pair that stands in a list without braces has no beginning of its own.
            var isPair = start.Start.Index == 0 && entries.Count > 0 && text[0] != '{';
            return new MappingNode(isPair ? entries[0].Key.At : At(start), entries);
        }

        private SourceNode? Complain(ParsingEvent at, string message)
        {
            problems.Add(new SourceProblem(At(at), message));
            return null;
        }

        private SourcePosition At(ParsingEvent e) => Position(path, e.Start);
    }
}
