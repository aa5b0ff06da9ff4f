namespace AuthIndex.TokenServer.Identity;

/// <summary>Where an account comes from: distinguishes it from a later account of the same name.</summary>
/// <param name="Source">Its source as operators know it: <c>htpasswd</c>, <c>ldap:NAME</c>.</param>
/// <param name="EntryId">The identifier of its entry in the directory; null when it has none that can be read.</param>
/// <param name="PasswordSet">When its password was last set, as the directory writes it; null where a change does not end grants.</param>
internal sealed record AccountOrigin(string Source, string? EntryId = null, string? PasswordSet = null)
{
    /// <summary>Why a grant issued to this account is not valid for another one; null when they are the same.</summary>
    /// <param name="now">The account that now has the name.</param>
    public string? Mismatch(AccountOrigin now)
    {
        if (now.Source != Source) return $"it was issued to an account of {Source}, but the name now belongs to an account of {now.Source}";
        if (EntryId is not null && now.EntryId is null)
        {
            return "the identifier of the account's entry can no longer be read, so it may be a different entry";
        }

        if (EntryId is not null && now.EntryId != EntryId) return "the account was deleted, and another account now has its name";
        return PasswordSet is not null && now.PasswordSet is not null && now.PasswordSet != PasswordSet
            ? "the password was changed afterwards (endGrantsOnPasswordChange)"
            : null;
    }

    /// <summary>This origin, completed with what only the current sign-in knows.</summary>
    public AccountOrigin CompletedBy(AccountOrigin now) => new(Source, EntryId ?? now.EntryId, PasswordSet ?? now.PasswordSet);
}
