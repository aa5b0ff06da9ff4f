using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace AuthIndex.TokenContract;

/// <summary>
/// A set of actions on a resource (Docker token scope specification, "Resource actions"): <c>pull</c>, <c>push</c>,
/// <c>delete</c>, and <c>*</c>, which stands for every action.
/// </summary>
public readonly record struct ActionSet
{
    private static readonly string[] Names = ["pull", "push", "delete", "*"];

    private readonly byte bits;

    private ActionSet(int bits) => this.bits = (byte)bits;

    /// <summary>The empty set, which grants nothing.</summary>
    public static ActionSet None => default;

    /// <summary>Read what a repository holds.</summary>
    public static ActionSet Pull => new(1);

    /// <summary>Add to a repository, move its tags, and cancel an upload of one's own.</summary>
    public static ActionSet Push => new(2);

    /// <summary>Remove a tag, a manifest or a blob.</summary>
    public static ActionSet Delete => new(4);

    /// <summary>Every action: the word <c>*</c>.</summary>
    public static ActionSet All => new(8);

    /// <summary>Whether the set holds nothing.</summary>
    public bool IsEmpty => bits == 0;

    /// <summary>Whether the set holds the word <c>*</c>.</summary>
    public bool HoldsAll => (bits & 8) != 0;

    /// <summary>The actions' words in the fixed order pull, push, delete, *.</summary>
    public IEnumerable<string> Words
    {
        get
        {
            for (var i = 0; i < Names.Length; i++)
            {
                if ((bits & (1 << i)) != 0) yield return Names[i];
            }
        }
    }

    /// <summary>How many words the set holds.</summary>
    public int Count => BitOperations.PopCount(bits);

    /// <summary>Reads one action's word; false for a word that names no action.</summary>
    public static bool TryParseWord([NotNullWhen(true)] string? word, out ActionSet action)
    {
        var i = Array.IndexOf(Names, word);
        action = i < 0 ? None : new ActionSet(1 << i);
        return i >= 0;
    }

    /// <summary>The actions in either set.</summary>
    public ActionSet Union(ActionSet other) => new(bits | other.bits);

    /// <summary>The actions in both sets, where <c>*</c> on one side stands for everything the other side names.</summary>
    public ActionSet Intersect(ActionSet other) =>
        (HoldsAll, other.HoldsAll) switch
        {
            (true, true) => new ActionSet(bits | other.bits),
            (true, false) => other,
            (false, true) => this,
            (false, false) => new ActionSet(bits & other.bits),
        };

    /// <summary>
    /// The words of this set that the other does not cover; nothing when the other holds <c>*</c>. What remains may still
    /// cover the other: <c>*</c> less <c>push</c> is <c>*</c>, so whoever takes a right away replaces <c>*</c> by the other words first.
    /// </summary>
    public ActionSet Except(ActionSet other) => other.HoldsAll ? None : new ActionSet(bits & ~other.bits);

    /// <summary>Whether every one of <paramref name="required"/> is in this set, or this set holds <c>*</c>.</summary>
    public bool Covers(ActionSet required) => HoldsAll || (required.bits & ~bits) == 0;

    /// <summary>
    /// The same rights spelt out word by word: <c>*</c> becomes pull, push, delete and <c>*</c>, for verifiers that compare words.
    /// </summary>
    public ActionSet SpeltOut() => HoldsAll ? new ActionSet(15) : this;

    /// <summary>The words joined by commas, as a scope holds them.</summary>
    public override string ToString() => string.Join(',', Words);
}
