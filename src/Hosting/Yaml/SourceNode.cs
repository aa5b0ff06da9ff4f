namespace AuthIndex.Hosting.Yaml;

/// <summary>A position in a configuration file.</summary>
/// <param name="File">The file's path as it was given, or what stands for it (<c>environment</c>, <c>command line</c>).</param>
/// <param name="Line">The line, from 1; 0 where there are no lines.</param>
/// <param name="Column">The column, from 1; 0 where there are none.</param>
public readonly record struct SourcePosition(string File, int Line, int Column)
{
    /// <summary><c>file:line:column</c>, as editors and compilers print it.</summary>
    public override string ToString() => Line == 0 ? File : $"{File}:{Line}:{Column}";
}

/// <summary>A problem in a configuration file.</summary>
/// <param name="At">Where.</param>
/// <param name="Message">What is wrong and how to fix it; never a secret.</param>
/// <param name="IsWarning">Whether the file can be used all the same.</param>
public sealed record SourceProblem(SourcePosition At, string Message, bool IsWarning = false)
{
    /// <summary><c>file:line:column: message</c>.</summary>
    public override string ToString() => IsWarning ? $"{At}: warning: {Message}" : $"{At}: {Message}";
}

/// <summary>A YAML value with its position, so that problems can name the line.</summary>
public abstract record SourceNode(SourcePosition At)
{
    /// <summary>What kind of value this is, in words for a message.</summary>
    public abstract string Kind { get; }
}

/// <summary>
/// A plain or quoted scalar. YAML's own types (<c>no</c>, <c>0777</c>, <c>1e3</c>) are never guessed: readers decide by the key.
/// </summary>
/// <param name="At">Its place.</param>
/// <param name="Value">Its text, quotes and escapes resolved.</param>
/// <param name="IsQuoted">Whether quotes or a block style say that it is text.</param>
public sealed record ScalarNode(SourcePosition At, string Value, bool IsQuoted) : SourceNode(At)
{
    /// <summary>Whether the value is absent: an empty plain scalar, <c>~</c> or <c>null</c>.</summary>
    public bool IsNull => !IsQuoted && Value is "" or "~" or "null";

    /// <inheritdoc/>
    public override string Kind => IsNull ? "nothing" : $"'{Value}'";
}

/// <summary>A YAML sequence of values.</summary>
public sealed record SequenceNode(SourcePosition At, IReadOnlyList<SourceNode> Items) : SourceNode(At)
{
    /// <inheritdoc/>
    public override string Kind => "a list";
}

/// <summary>A mapping; its keys are distinct plain texts, in the file's order.</summary>
public sealed record MappingNode(SourcePosition At, IReadOnlyList<KeyValuePair<ScalarNode, SourceNode>> Entries) : SourceNode(At)
{
    /// <inheritdoc/>
    public override string Kind => "a mapping";

    /// <summary>The value under a key, or null.</summary>
    public SourceNode? this[string key]
    {
        get
        {
            foreach (var entry in Entries)
            {
                if (entry.Key.Value == key) return entry.Value;
            }

            return null;
        }
    }
}
