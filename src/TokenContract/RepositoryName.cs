using System.Diagnostics.CodeAnalysis;

namespace AuthIndex.TokenContract;

/// <summary>
/// The name of a repository: path components joined by <c>/</c>, as the OCI distribution-spec 1.1 ("Pulling manifests")
/// writes it: <c>[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*</c> for each component. At most <see cref="MaxLength"/> characters.
/// </summary>
public readonly record struct RepositoryName
{
    /// <summary>The longest name accepted, in characters; the limit that clients apply too.</summary>
    public const int MaxLength = 255;

    private readonly string? value;

    private RepositoryName(string value) => this.value = value;

    /// <summary>The name as the client wrote it.</summary>
    public string Value => value ?? "";

    /// <summary>Reads a name; false for anything outside the grammar. Takes time linear in the length.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out RepositoryName name)
    {
        if (text is not null && IsValid(text))
        {
            name = new RepositoryName(text);
            return true;
        }

        name = default;
        return false;
    }

    /// <summary>Whether the text is one legal path component: what an account name must be to stand in a repository name.</summary>
    public static bool IsComponent(ReadOnlySpan<char> text) =>
        text.Length <= MaxLength && !text.Contains('/') && IsValid(text);

    /// <inheritdoc/>
    public override string ToString() => Value;

    private static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxLength) return false;

        var at = 0;
        while (true)
        {
            if (!SkipAlphanumerics(text, ref at)) return false;
            if (at == text.Length) return true;
            if (!SkipSeparator(text, ref at)) return false;
        }
    }

    private static bool SkipAlphanumerics(ReadOnlySpan<char> text, ref int at)
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiLetterLower(text[at]) || char.IsAsciiDigit(text[at]))) at++;
        return at > start;
    }

    private static bool SkipSeparator(ReadOnlySpan<char> text, ref int at)
    {
        switch (text[at])
        {
            case '/' or '.':
                at++;
                return true;
            case '_':
                at++;
                if (at < text.Length && text[at] == '_') at++;
                return true;
            case '-':
                while (at < text.Length && text[at] == '-') at++;
                return true;
            default:
                return false;
        }
    }
}
