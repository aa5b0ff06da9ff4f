using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

/// <summary>Random values of the contract's types, for properties.</summary>
internal static class Any
{
    private static readonly string[] Words = ["pull", "push", "delete", "*"];

    private static readonly string[] Separators = [".", "_", "__", "-", "---"];

    public static Gen<string> RepositoryName { get; } =
        from components in Component().NonEmptyListOf()
        let name = string.Join('/', components)
        where name.Length <= TokenContract.RepositoryName.MaxLength
        select name;

    public static Gen<ActionSet> Actions { get; } = Gen.SubListOf(Words).Select(words => SetOf(words));

    public static Gen<Scope> Scope { get; } = ScopeWith(Actions.Where(a => !a.IsEmpty));

    public static Gen<Scope> ScopeWith(Gen<ActionSet> actions) =>
        from resource in Gen.OneOf(
            from host in Gen.Elements("", "localhost:5000/", "Registry.example.com/", "[::1]:5000/", "10.0.0.1:80/")
            from name in RepositoryName
            select (Type: TokenContract.Scope.RepositoryType, Name: host + name),
            from type in Gen.Elements("registry", "artifact", "x9")
            from name in Gen.Elements("catalog", "a:b", "A/b", "*")
            select (Type: type, Name: name))
        from set in actions
        select new Scope(resource.Type, resource.Name, set);

    /// <summary>Texts of a few characters only, so that they often come near the grammar.</summary>
    public static Gen<string> TextOf(string characters) => Gen.Elements(characters.ToCharArray()).ListOf().Select(c => string.Concat(c));

    public static ActionSet SetOf(IEnumerable<string> words) => words.Aggregate(ActionSet.None, (set, word) =>
        ActionSet.TryParseWord(word, out var action) ? set.Union(action) : throw new ArgumentException($"'{word}' names no action"));

    private static Gen<string> Component() =>
        from first in Alphanumerics()
        from rest in (from separator in Gen.Elements(Separators) from next in Alphanumerics() select separator + next).ListOf()
        select first + string.Concat(rest.Take(3));

    private static Gen<string> Alphanumerics() =>
        Gen.Elements("abcxyz019".ToCharArray()).NonEmptyListOf().Select(c => string.Concat(c.Take(8)));
}
