using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Patterns;

/// <summary>
/// A pattern for the names of resources of one type. <c>*</c> stands for any text within one segment, <c>**</c> for any text
/// across segments, <c>**/</c> at the start of a segment also for nothing; <c>{account}</c> and <c>{group}</c> stand for the
/// caller's names, letter for letter. Matching walks the set of positions reached so far through the pieces, so that it takes
/// time in proportion to name times pattern at worst; there is no backtracking.
/// </summary>
internal sealed class ResourcePattern
{
    /// <summary>The longest pattern read, in characters: twice the longest name of a repository.</summary>
    public const int MaxLength = 512;

    /// <summary>The most wildcards and placeholders in a pattern: matching takes time in proportion to them.</summary>
    public const int MaxWildcards = 16;

    private readonly Piece[] pieces;

    private ResourcePattern(string type, string glob, Piece[] pieces)
    {
        Type = type;
        Glob = glob;
        this.pieces = pieces;
        LiteralPrefix = pieces[0].Kind == PieceKind.Literal ? pieces[0].Text : "";
        IsLiteral = pieces is [{ Kind: PieceKind.Literal }];
        IsSubtree = pieces is [{ Kind: PieceKind.AnyText }] or [{ Kind: PieceKind.Literal }, { Kind: PieceKind.AnyText }];
        NamesAccount = pieces.Any(p => p.Kind == PieceKind.Account);
        NamesGroup = pieces.Any(p => p.Kind == PieceKind.Group);
        Wildcards = pieces.Count(p => p.Kind != PieceKind.Literal);
    }

    private enum PieceKind
    {
        Literal,
        AnyInSegment,
        AnyText,
        AnySegments,
        Account,
        Group,
    }

    /// <summary>The type of the resources.</summary>
    public string Type { get; }

    /// <summary>The pattern without its type.</summary>
    public string Glob { get; }

    /// <summary>The text that every matching name begins with; "" when the pattern begins with a wildcard or a placeholder.</summary>
    public string LiteralPrefix { get; }

    /// <summary>Whether the pattern is one name.</summary>
    public bool IsLiteral { get; }

    /// <summary>Whether the pattern is exactly everything that begins with <see cref="LiteralPrefix"/>.</summary>
    public bool IsSubtree { get; }

    /// <summary>Whether it contains <c>{account}</c>.</summary>
    public bool NamesAccount { get; }

    /// <summary>Whether it contains <c>{group}</c>.</summary>
    public bool NamesGroup { get; }

    /// <summary>
    /// How many wildcards and placeholders it contains; at most <see cref="MaxWildcards"/> where it was read by <see
    /// cref="ResourcePatternReader"/>.
    /// </summary>
    public int Wildcards { get; }

    /// <summary>Whether it is made of wildcards only.</summary>
    public bool IsAllWildcards => Glob.AsSpan().Trim("*/").IsEmpty;

    /// <summary>Makes a pattern of a text that <see cref="ResourcePatternReader"/> found to be one.</summary>
    internal static ResourcePattern Compile(string type, string glob) => new(type, glob, [.. Cut(glob)]);

    /// <summary>Whether the name matches for this caller. A name of the caller that is no legal path component matches nothing.</summary>
    public bool Matches(string name, CallerSubjects caller)
    {
        if (!name.StartsWith(LiteralPrefix, StringComparison.Ordinal)) return false;
        if (IsSubtree) return true;
        if (IsLiteral) return name.Length == LiteralPrefix.Length;
        if (NamesAccount && !RepositoryName.IsComponent(caller.Account)) return false;
        if (!NamesGroup) return Walk(name, caller.Account, "");

        foreach (var group in caller.GroupNames)
        {
            // The search for the group's name costs little beside the walk, and a caller may be in thousands of groups.
            if (name.Contains(group, StringComparison.Ordinal) && RepositoryName.IsComponent(group) && Walk(name, caller.Account, group))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the name may match for a caller whose groups are not known: as far as its beginning shows.</summary>
    public bool MayMatch(string name) => name.StartsWith(LiteralPrefix, StringComparison.Ordinal);

    /// <summary>Whether every name that the other matches, for whichever caller, is sure to match this one; false when unsure.</summary>
    public bool SurelyCovers(ResourcePattern other) =>
        Type == other.Type
        && (Glob == other.Glob || (IsSubtree && other.LiteralPrefix.StartsWith(LiteralPrefix, StringComparison.Ordinal)));

    /// <summary>A name that matches, made by writing the given texts for the wildcards and placeholders.</summary>
    public string Instance(string inSegment, string across, string account, string group) =>
        string.Concat(pieces.Select(p => p.Kind switch
        {
            PieceKind.Literal => p.Text,
            PieceKind.AnyInSegment => inSegment,
            PieceKind.AnyText => across,
            PieceKind.AnySegments => across + "/",
            PieceKind.Account => account,
            _ => group,
        }));

    /// <summary>The pattern as rules write it.</summary>
    public override string ToString() => Type == Scope.RepositoryType ? Glob : $"{Type}:{Glob}";

    private static IEnumerable<Piece> Cut(string glob)
    {
        var literalFrom = 0;
        for (var at = 0; at < glob.Length;)
        {
            var (kind, length) = WildcardAt(glob, at);
            if (length == 0)
            {
                at++;
                continue;
            }

            if (at > literalFrom) yield return new Piece(PieceKind.Literal, glob[literalFrom..at]);
            yield return new Piece(kind, "");
            literalFrom = at += length;
        }

        if (literalFrom < glob.Length || glob.Length == 0) yield return new Piece(PieceKind.Literal, glob[literalFrom..]);
    }

    private static (PieceKind Kind, int Length) WildcardAt(string glob, int at)
    {
        var rest = glob.AsSpan(at);
        if (rest.StartsWith("**/", StringComparison.Ordinal) && (at == 0 || glob[at - 1] == '/')) return (PieceKind.AnySegments, 3);
        if (rest.StartsWith("**", StringComparison.Ordinal)) return (PieceKind.AnyText, 2);
        if (rest[0] == '*') return (PieceKind.AnyInSegment, 1);
        if (rest.StartsWith("{account}", StringComparison.Ordinal)) return (PieceKind.Account, 9);
        if (rest.StartsWith("{group}", StringComparison.Ordinal)) return (PieceKind.Group, 7);
        return (PieceKind.Literal, 0);
    }

    private bool Walk(string name, string account, string group)
    {
        if (name.Length > Scope.MaxLength) return false;
        Span<bool> reached = stackalloc bool[name.Length + 1];
        reached[0] = true;
        foreach (var piece in pieces)
        {
            switch (piece.Kind)
            {
                case PieceKind.Literal:
                    StepOver(reached, name, piece.Text);
                    break;
                case PieceKind.Account:
                    StepOver(reached, name, account);
                    break;
                case PieceKind.Group:
                    StepOver(reached, name, group);
                    break;
                case PieceKind.AnyInSegment:
                    for (var i = 1; i < reached.Length; i++) reached[i] |= reached[i - 1] && name[i - 1] != '/';
                    break;
                case PieceKind.AnyText:
                    for (var i = 1; i < reached.Length; i++) reached[i] |= reached[i - 1];
                    break;
                default:
                    var open = false;
                    for (var i = 1; i < reached.Length; i++)
                    {
                        open |= reached[i - 1];
                        reached[i] |= open && name[i - 1] == '/';
                    }

                    break;
            }
        }

        return reached[name.Length];
    }

    private static void StepOver(Span<bool> reached, string name, string text)
    {
        for (var i = name.Length; i >= 0; i--)
        {
            reached[i] = i >= text.Length && reached[i - text.Length] && name.AsSpan(i - text.Length, text.Length).SequenceEqual(text);
        }
    }

    private readonly record struct Piece(PieceKind Kind, string Text);
}
