using AuthIndex.TokenServer.Identity.Ldap.Groups;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>Which of a directory's accounts may sign in at all, by their groups.</summary>
internal static class Admission
{
    /// <summary>Why an account with these groups may not sign in; null when it may.</summary>
    public static string? ReasonToRefuse(DirectorySettings settings, GroupFindings found)
    {
        if (found.Problem is not null) return found.Problem;
        if (found.Groups.FirstOrDefault(g => g.IsAmong(settings.DenyGroups)) is { } denied)
        {
            return $"the account is in {denied.Dn}, whose members may not sign in (denyGroups)";
        }

        return settings.AllowGroups.Count > 0 && !found.Groups.Any(g => g.IsAmong(settings.AllowGroups))
            ? "the account is in none of the groups whose members may sign in (allowGroups)"
            : null;
    }
}
