namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>
/// A spelling, the key, in which account names are equal that people or a directory may take for one (RFC 4518 sections 2.2 and 2.6.1):
/// letter case and spaces at the ends or repeated make no difference. For comparing only: a name is never replaced by it.
/// </summary>
internal static class AccountSpelling
{
    /// <summary>The spelling under which a name is compared.</summary>
    public static string Key(string name) =>
        string.Join(' ', name.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToUpperInvariant();
}
