namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>What the page about a refused or failed request shows.</summary>
/// <param name="Text">A sentence.</param>
public sealed record ProblemModel(string Text);

/// <summary>What the sign-in form shows: what was typed, and why it was refused.</summary>
/// <param name="Account">What was typed for the account.</param>
/// <param name="Return">The path to go to afterwards.</param>
/// <param name="FormToken">The form's token.</param>
/// <param name="Problem">Why the last try failed; null for none.</param>
/// <param name="Providers">Where one can sign in instead.</param>
public sealed record SignInModel(
    string Account, string Return, string FormToken, string? Problem, IReadOnlyList<ProviderLink> Providers);

/// <summary>A provider where people sign in.</summary>
/// <param name="Name">What people know it as.</param>
/// <param name="Link">The reference that begins a sign-in there.</param>
public sealed record ProviderLink(string Name, string Link);

/// <summary>A page of repositories.</summary>
/// <param name="Query">The text that their names hold.</param>
/// <param name="First">The reference to the first page; null on it.</param>
/// <param name="Rows">The repositories.</param>
/// <param name="Next">The reference to the next page; null on the last.</param>
public sealed record SearchModel(string Query, string? First, IReadOnlyList<FoundRow> Rows, string? Next);

/// <summary>A repository that was found.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Registries">The registries that hold it.</param>
public sealed record FoundRow(string Name, IReadOnlyList<string> Registries);

/// <summary>A code for one <c>docker login</c>.</summary>
/// <param name="Code">Its text, shown this once.</param>
/// <param name="Account">Whose it is.</param>
/// <param name="Hosts">The registries that it is good for one of, as docker names them.</param>
/// <param name="Expires">When it expires.</param>
public sealed record LoginCodeModel(string Code, string Account, IReadOnlyList<string> Hosts, DateTimeOffset Expires)
{
    /// <summary>The account as a word of a shell's command line.</summary>
    public string AccountWord => Account.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or ':' or '@')
        ? Account
        : $"'{Account.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
