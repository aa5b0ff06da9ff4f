using System.Globalization;
using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Extensions.Yaml;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace AuthIndex.TokenServer.Portal.Images.Readmes;

/// <summary>
/// Markdown that anybody may have pushed (CommonMark with tables), as HTML for a page of ours: HTML in it is text, a link leads to the web
/// only and says that nobody here recommends it, a picture is a link, and nothing has a style, a script or an id.
/// </summary>
internal static class ReadmeMarkdown
{
    /// <summary>The longest text that is read, in bytes.</summary>
    public const int MaxBytes = 256 * 1024;

    private const string Rel = "nofollow noopener noreferrer";

    private const int FirstLevel = 3; // the page has a title, and a heading above the text

    private static readonly MarkdownPipeline Pipeline =
        new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseYamlFrontMatter().Build();

    // For each bracket, the parser searches the rest of the paragraph for the end of a link: a paragraph of brackets takes minutes.
    private const long MaxSteps = 50_000_000;

    // It looks at all headings for each one.
    private const int MaxLines = 10_000;

    /// <summary>The HTML of a text; null for one that is nested too deeply, or takes long to read.</summary>
    public static string? ToHtml(string markdown)
    {
        var shown = UntrustedJson.ShownLines(markdown);
        if (Steps(shown) > MaxSteps) return null;
        try
        {
            var document = Markdown.Parse(shown, Pipeline);
            Tame(document);
            using var text = new StringWriter(CultureInfo.InvariantCulture);
            var renderer = new HtmlRenderer(text);
            Pipeline.Setup(renderer);
            renderer.ObjectRenderers.TryRemove<YamlFrontMatterHtmlRenderer>(); // shown as the code that it is
            renderer.Render(document);
            return text.ToString().Replace("<th></th>", "<td></td>", StringComparison.Ordinal); // no heading without a text
        }
        catch (ArgumentException) // the parser's bound of nesting
        {
            return null;
        }
    }

    /// <summary>The sum over all paragraphs of their length times their brackets; too much rather than too little.</summary>
    private static long Steps(string markdown)
    {
        var (steps, length, brackets, lines) = (0L, 0L, 0L, 0);
        foreach (var line in markdown.AsSpan().EnumerateLines())
        {
            if (++lines > MaxLines) return long.MaxValue;
            if (line.Trim(" \t").IsEmpty || line is ['-' or '*' or '+', ' ', ..])
            {
                steps += length * brackets;
                (length, brackets) = (0, 0);
            }

            length += line.Length + 1;
            brackets += line.Count('[');
        }

        return steps + (length * brackets);
    }

    private static void Tame(MarkdownDocument document)
    {
        var headings = document.Descendants<HeadingBlock>().ToList();
        var (top, last) = (headings.Count == 0 ? 0 : headings.Min(h => h.Level), FirstLevel - 1);
        foreach (var heading in headings)
        {
            last = heading.Level = Math.Min(Math.Min(last + 1, FirstLevel + heading.Level - top), 6);
        }

        foreach (var table in document.Descendants<Table>())
        {
            foreach (var column in table.ColumnDefinitions) column.Alignment = null; // it would be a style
        }

        foreach (var code in document.Descendants<FencedCodeBlock>())
        {
            code.SetAttributes(new HtmlAttributes()); // its language would be a class
        }

        foreach (var link in document.Descendants<AutolinkInline>().ToList())
        {
            if (link.IsEmail || UntrustedJson.WebLink(link.Url) is not { } url)
            {
                link.ReplaceBy(new LiteralInline(link.Url));
                continue;
            }

            link.Url = url;
            link.GetAttributes().AddProperty("rel", Rel);
        }

        foreach (var link in document.Descendants<LinkInline>().ToList()) Tame(link);
    }

    private static void Tame(LinkInline link)
    {
        var url = UntrustedJson.WebLink(link.Url ?? "");
        if (link.FirstChild is null) link.AppendChild(new LiteralInline(link.IsImage ? "picture" : link.Url ?? ""));
        link.IsImage = false;
        if (url is not null && !IsInLink(link))
        {
            link.Url = url;
            link.GetAttributes().AddProperty("rel", Rel);
            return;
        }

        // Of a link to elsewhere in the repository that the text comes from, or inside of another link, the text is left.
        while (link.FirstChild is { } child)
        {
            child.Remove();
            link.InsertBefore(child);
        }

        link.Remove();
    }

    private static bool IsInLink(Inline inline)
    {
        for (var parent = inline.Parent; parent is not null; parent = parent.Parent)
        {
            if (parent is LinkInline) return true;
        }

        return false;
    }
}
