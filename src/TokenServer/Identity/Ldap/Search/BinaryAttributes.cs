using System.Text;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Search;

/// <summary>
/// The attributes whose values are bytes, not text. They are read as search filters write them: <c>\01\05…</c> (RFC 4515 section 3).
/// </summary>
internal static class BinaryAttributes
{
    /// <summary>The identifiers of every group that an account of Active Directory is in.</summary>
    public const string TokenGroups = "tokenGroups";

    /// <summary>The identifier of an account or a group of Active Directory.</summary>
    public const string ObjectSid = "objectSid";

    /// <summary>Whether an attribute is one of them.</summary>
    public static bool Contains(string attribute) =>
        attribute.Equals(TokenGroups, StringComparison.OrdinalIgnoreCase) || attribute.Equals(ObjectSid, StringComparison.OrdinalIgnoreCase)
        || attribute.Equals(EntryIds.ActiveDirectory, StringComparison.OrdinalIgnoreCase);

    /// <summary>A value in its written form.</summary>
    public static string Write(ReadOnlySpan<byte> value)
    {
        var text = new StringBuilder(value.Length * 3);
        foreach (var b in value) text.Append('\\').Append(b.ToString("x2"));
        return text.ToString();
    }
}
