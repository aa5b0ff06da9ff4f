namespace AuthIndex.TokenServer.Names;

/// <summary>
/// What rules, the configuration and directories call a directory's group: a bare name, or a distinguished name, which alone holds a
/// <c>=</c>.
/// </summary>
internal static class GroupName
{
    /// <summary>
    /// Whether the text is meant as a distinguished name. A bare name must not look like one: it could impersonate another group.
    /// </summary>
    public static bool IsDistinguished(string text) => text.Contains('=', StringComparison.Ordinal);

    /// <summary>What is wrong with a configured name; null when nothing is.</summary>
    public static string? Problem(string text)
    {
        if (PreparedText.Of(text).Length == 0) return "it is empty";
        return IsDistinguished(text) && !DistinguishedName.TryParse(text, out _)
            ? "it looks like a distinguished name but cannot be read; write it like cn=devs,ou=groups,dc=example,dc=com, without quotes, "
                + "and \\, for a comma inside a value (RFC 4514)"
            : null;
    }

    /// <summary>
    /// A key that is equal for names that a directory considers equal; see <see cref="DistinguishedName.Key"/> and <see
    /// cref="PreparedText"/>.
    /// </summary>
    public static string Key(string text) => IsDistinguished(text) ? DistinguishedName.Key(text) : PreparedText.Of(text);
}
