using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>How deep a search goes.</summary>
internal enum SearchDepth
{
    /// <summary>The base entry only (baseObject).</summary>
    Base,

    /// <summary>The entries directly below it (singleLevel).</summary>
    One,

    /// <summary>The base entry and everything below it (wholeSubtree).</summary>
    Sub,
}

/// <summary>Which product a server is, from its root entry: it determines how account states are stored.</summary>
internal enum DirectoryKind
{
    /// <summary>A server that does not say how it marks accounts.</summary>
    Other,

    /// <summary>Active Directory, or Samba as one.</summary>
    ActiveDirectory,

    /// <summary>389 Directory Server, also as part of FreeIPA and Red Hat Directory Server.</summary>
    Directory389,

    /// <summary>OpenLDAP with its ppolicy overlay.</summary>
    PasswordPolicy,
}

/// <summary>A search request (RFC 4511 section 4.5.1).</summary>
/// <param name="BaseDn">Where it begins.</param>
/// <param name="Depth">How deep it goes.</param>
/// <param name="Filter">Which entries it finds.</param>
/// <param name="Attributes">The attributes to return.</param>
/// <param name="Limit">The most entries to return; a longer result is cut and marked.</param>
internal sealed record SearchQuestion(string BaseDn, SearchDepth Depth, string Filter, IReadOnlyList<string> Attributes, int Limit);

/// <summary>The result of a search.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="IsCut">Whether there are more than the limit.</param>
internal sealed record SearchAnswer(IReadOnlyList<DirectoryEntry> Entries, bool IsCut);

/// <summary>An entry of a directory.</summary>
/// <param name="Dn">Its distinguished name.</param>
/// <param name="Attributes">Its attributes, letter case of the names disregarded.</param>
internal sealed record DirectoryEntry(string Dn, IReadOnlyDictionary<string, IReadOnlyList<string>> Attributes)
{
    /// <summary>
    /// Which product it comes from. A server may hide its root entry, but an identifier that only one product has also reveals it.
    /// </summary>
    public DirectoryKind Kind
    {
        get =>
            field != DirectoryKind.Other ? field : Value(EntryIds.ActiveDirectory) is not null
            ? DirectoryKind.ActiveDirectory
            : Value(EntryIds.Directory389) is not null ? DirectoryKind.Directory389 : DirectoryKind.Other;
        init;
    }

    /// <summary>The values of an attribute; none when it is absent.</summary>
    public IReadOnlyList<string> Values(string attribute) => Attributes.TryGetValue(attribute, out var values) ? values : [];

    /// <summary>The first value of an attribute, or null.</summary>
    public string? Value(string attribute) => Values(attribute) is [var first, ..] ? first : null;
}

/// <summary>A server's answer to a bind.</summary>
/// <param name="Code">The result code (RFC 4511 appendix A).</param>
/// <param name="Diagnostic">The diagnostic message, which Active Directory writes its reasons into.</param>
/// <param name="IsForChangeOnly">Whether the password is right but may only be used to change it.</param>
internal sealed record BindAnswer(int Code, string Diagnostic, bool IsForChangeOnly = false)
{
    /// <summary>Whether the password is right and gives full access.</summary>
    public bool IsSuccess => Code == ResultCodes.Success && !IsForChangeOnly;
}

/// <summary>
/// One open connection to one server, used by one thread at a time. This and <see cref="IDirectoryConnector"/> are all that is
/// needed of an LDAP library. Every call ends within the time it was given.
/// </summary>
internal interface IDirectoryConnection : IDisposable
{
    /// <summary>Binds with a password, which must not be empty: that would be an anonymous bind, which succeeds.</summary>
    /// <exception cref="ServerFailureException">The server gave no answer.</exception>
    BindAnswer Bind(string dn, string password, TimeSpan within);

    /// <summary>Searches, page by page, without following referrals.</summary>
    /// <exception cref="ServerFailureException">The server gave no answer.</exception>
    /// <exception cref="SearchRefusedException">The server refused to search.</exception>
    SearchAnswer Search(SearchQuestion question, TimeSpan within);
}

/// <summary>Opens connections to directory servers.</summary>
internal interface IDirectoryConnector
{
    /// <summary>Opens one, with its TLS, not bound to any account.</summary>
    /// <exception cref="ServerFailureException">The server cannot be reached or cannot be verified.</exception>
    IDirectoryConnection Connect(DirectoryServer server, TimeSpan within);
}

/// <summary>A server cannot be reached, did not answer in time or disconnected; another one may work.</summary>
internal sealed class ServerFailureException(string reason, Exception? inner = null, bool isTimeout = false, bool isUntrusted = false)
    : Exception(reason, inner)
{
    /// <summary>Whether its TLS failed, so that an immediate retry would fail too.</summary>
    public bool IsUntrusted => isUntrusted;

    /// <summary>Whether it timed out, so that a retry would cost the same time again.</summary>
    public bool IsTimeout => isTimeout;
}

/// <summary>A server refused the search; another one would too.</summary>
internal sealed class SearchRefusedException(int code, string reason) : Exception(reason)
{
    /// <summary>The result code (RFC 4511 appendix A).</summary>
    public int Code => code;
}
