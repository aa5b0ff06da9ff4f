using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Format;

/// <summary>An entry of a mapping or an item of a list, with the comments that belong to it.</summary>
/// <param name="key">The key; null for an item.</param>
/// <param name="value">The value.</param>
/// <param name="isOpen">Whether a collection always has a line for each of its elements.</param>
internal sealed class FormatElement(ScalarNode? key, SourceNode value, bool isOpen)
{
    public ScalarNode? Key => key;

    /// <summary>The key of an entry; an item has none.</summary>
    public ScalarNode Name => key ?? throw new InvalidOperationException("An item of a list has no key.");

    public SourceNode Value => value;

    public bool IsOpen => isOpen;

    /// <summary>What is in the collection; in canonical order once comments are placed.</summary>
    public List<FormatElement> Children { get; set; } = [];

    /// <summary>The comments above it, and "" for an empty line.</summary>
    public List<string> Above { get; } = [];

    /// <summary>The comment at the end of its line.</summary>
    public string? Trailing { get; set; }

    /// <summary>Where it begins in the file.</summary>
    public SourcePosition Start => (key ?? value).At;

    /// <summary>Whether it contains a comment anywhere, so that it must span several lines.</summary>
    public bool HoldsComment => Children.Exists(c => c.Trailing is not null || c.Above.Exists(line => line.Length > 0) || c.HoldsComment);
}
