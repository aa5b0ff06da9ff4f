using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>How deep a search goes.</summary>
internal enum SearchDepth
{
    /// <summary>The entry itself.</summary>
    Base,

    /// <summary>The entries right below.</summary>
    One,

    /// <summary>The entry and everything below.</summary>
    Sub,
}

/// <summary>Which product a server is, by what its root entry says: it tells how the state of accounts is written.</summary>
internal enum DirectoryKind
{
    /// <summary>One that says nothing of how it marks accounts.</summary>
    Other,

    /// <summary>Active Directory, or Samba as one.</summary>
    ActiveDirectory,

    /// <summary>389 Directory Server.</summary>
    Directory389,

    /// <summary>OpenLDAP with its ppolicy overlay.</summary>
    PasswordPolicy,
}

/// <summary>One search.</summary>
/// <param name="BaseDn">Where it begins.</param>
/// <param name="Depth">How deep it goes.</param>
/// <param name="Filter">Which entries it finds.</param>
/// <param name="Attributes">What is wanted of them.</param>
/// <param name="Limit">How many are wanted at most; what is beyond is cut off and said.</param>
internal sealed record SearchQuestion(string BaseDn, SearchDepth Depth, string Filter, IReadOnlyList<string> Attributes, int Limit);

/// <summary>What a search found.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="IsCut">Whether there are more than the limit.</param>
internal sealed record SearchAnswer(IReadOnlyList<DirectoryEntry> Entries, bool IsCut);

/// <summary>An entry of a directory.</summary>
/// <param name="Dn">Its distinguished name.</param>
/// <param name="Attributes">Its attributes, letter case of the names disregarded.</param>
internal sealed record DirectoryEntry(string Dn, IReadOnlyDictionary<string, IReadOnlyList<string>> Attributes)
{
    /// <summary>
    /// Which product it comes from. A server may keep its root entry from strangers, but an identifier that only one product has tells
    /// too.
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
/// <param name="IsForChangeOnly">Whether the password is right and may be used for nothing but to change it.</param>
internal sealed record BindAnswer(int Code, string Diagnostic, bool IsForChangeOnly = false)
{
    /// <summary>Whether the password is right and good for everything.</summary>
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

/// <summary>Opens connections.</summary>
internal interface IDirectoryConnector
{
    /// <summary>Opens one, with its TLS, not bound to any account.</summary>
    /// <exception cref="ServerFailureException">The server cannot be reached or is not the one it should be.</exception>
    IDirectoryConnection Connect(DirectoryServer server, TimeSpan within);
}

/// <summary>A server that cannot be reached, did not answer in time or hung up: another may do better.</summary>
internal sealed class ServerFailureException(string reason, Exception? inner = null, bool isTimeout = false, bool isUntrusted = false)
    : Exception(reason, inner)
{
    /// <summary>Whether its TLS is at fault, so that the same at once would end the same way.</summary>
    public bool IsUntrusted => isUntrusted;

    /// <summary>Whether the time ran out, so that the same once more would cost the same once more.</summary>
    public bool IsTimeout => isTimeout;
}

/// <summary>A server that answers, but not with what was searched: another would say the same.</summary>
internal sealed class SearchRefusedException(int code, string reason) : Exception(reason)
{
    /// <summary>The result code.</summary>
    public int Code => code;
}
