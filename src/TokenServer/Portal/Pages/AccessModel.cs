namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>What an account has given to clients and browsers.</summary>
/// <param name="Grants">Its access tokens and refresh tokens.</param>
/// <param name="Sessions">Its sessions.</param>
/// <param name="Form">What was typed for a new access token.</param>
/// <param name="Made">The access token that was just made; null for none.</param>
/// <param name="Problem">Why none was made; null for no such failure.</param>
/// <param name="SignInAgain">Where to sign in again before one can be made; null where that is not needed.</param>
public sealed record AccessModel(
    IReadOnlyList<GrantModel> Grants, IReadOnlyList<SessionModel> Sessions, AccessForm Form, SecretModel? Made, string? Problem,
    string? SignInAgain);

/// <summary>An access token or refresh token.</summary>
/// <param name="Id">Its id.</param>
/// <param name="IsAccess">Whether it is an access token.</param>
/// <param name="Name">Its name, or the client that it was given to.</param>
/// <param name="Service">The only registry that it is good for; null for all.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Ends">When it ends.</param>
/// <param name="Used">Its last use; null for none.</param>
/// <param name="From">The address of that use, or of the sign-in; null when unknown.</param>
/// <param name="Repositories">The repositories that it is limited to.</param>
/// <param name="Actions">The actions that it is limited to.</param>
/// <param name="Addresses">The networks that it is limited to.</param>
public sealed record GrantModel(
    string Id, bool IsAccess, string Name, string? Service, DateTimeOffset Created, DateTimeOffset Ends, DateTimeOffset? Used,
    string? From, IReadOnlyList<string> Repositories, IReadOnlyList<string> Actions, IReadOnlyList<string> Addresses)
{
    /// <summary>What it is limited to, in words.</summary>
    public string Limits => Repositories.Count + Actions.Count + Addresses.Count == 0 ? "all that you may do" : string.Join(
        "; ",
        ((string[])
        [
            Actions.Count == 0 ? "" : string.Join(", ", Actions),
            Repositories.Count == 0 ? "" : $"on {string.Join(", ", Repositories)}",
            Addresses.Count == 0 ? "" : $"from {string.Join(", ", Addresses)}",
        ]).Where(text => text.Length > 0));
}

/// <summary>A browser that is signed in, as listed on the page.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Created">When it began.</param>
/// <param name="Used">Its last use.</param>
/// <param name="Address">The address of the sign-in; null when unknown.</param>
/// <param name="IsThis">Whether the page is shown in it.</param>
public sealed record SessionModel(string Id, DateTimeOffset Created, DateTimeOffset Used, string? Address, bool IsThis);

/// <summary>What was typed for a new access token.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Expires">After how long it ends.</param>
/// <param name="Repositories">The repositories, one pattern a line.</param>
/// <param name="Actions">The actions.</param>
/// <param name="Addresses">The networks, one a line.</param>
public sealed record AccessForm(string Name, string Expires, string Repositories, IReadOnlyList<string> Actions, string Addresses);

/// <summary>An access token that was just made.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Secret">Its text, shown this once.</param>
/// <param name="Account">Whose it is.</param>
public sealed record SecretModel(string Name, string Secret, string Account);
