namespace AuthIndex.TokenServer.Identity;

/// <summary>Where an account comes from: what tells it from another one that has its name later.</summary>
/// <param name="Source">Its source as operators know it: <c>htpasswd</c>, <c>ldap:NAME</c>.</param>
/// <param name="EntryId">The identifier of its entry in the directory; null when it has none that can be read.</param>
/// <param name="PasswordSet">When its password was last set, in the directory's words; null where that ends nothing.</param>
internal sealed record AccountOrigin(string Source, string? EntryId = null, string? PasswordSet = null)
{
    /// <summary>Why what was given to this account is not good for another; null when it is the same.</summary>
    /// <param name="now">The account that has the name now.</param>
    public string? Mismatch(AccountOrigin now)
    {
        if (now.Source != Source) return $"it was given to an account of {Source}, and the name belongs to an account of {now.Source} now";
        if (EntryId is not null && now.EntryId is null)
        {
            return "the identifier of the account's entry can no longer be read, so the entry may be another one";
        }

        if (EntryId is not null && now.EntryId != EntryId) return "the account was deleted since, and another one has its name";
        return PasswordSet is not null && now.PasswordSet is not null && now.PasswordSet != PasswordSet
            ? "the password was changed since (endGrantsOnPasswordChange)"
            : null;
    }

    /// <summary>This, with what is known only now.</summary>
    public AccountOrigin CompletedBy(AccountOrigin now) => new(Source, EntryId ?? now.EntryId, PasswordSet ?? now.PasswordSet);
}
