using System.Globalization;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>A reason why an account may not sign in.</summary>
/// <param name="Reason">What it is, for the log.</param>
/// <param name="IsCertain">Whether it applies even with the right password; otherwise the bind decides, and this may explain its
/// failure.</param>
internal sealed record AccountObstacle(string Reason, bool IsCertain);

/// <summary>
/// Reads from an account's entry whether it may sign in, as Active Directory, OpenLDAP's ppolicy and 389 Directory Server write it.
/// </summary>
internal static class AccountState
{
    private const long AccountDisabled = 0x2;
    private const long LockedOut = 0x10;
    private const long PasswordExpired = 0x800000;
    private const string LockedForEver = "000001010000Z";

    private const string Control = "userAccountControl";

    private static readonly Dictionary<DirectoryKind, string[]> ByKind = new()
    {
        [DirectoryKind.ActiveDirectory] = [Control, "msDS-User-Account-Control-Computed", "accountExpires", "pwdLastSet"],
        [DirectoryKind.PasswordPolicy] = ["pwdAccountLockedTime", "pwdReset"],
        [DirectoryKind.Directory389] = ["nsAccountLock", "accountUnlockTime", "passwordExpirationTime", "pwdReset"],
        [DirectoryKind.Other] = [],
    };

    /// <summary>The attributes that it is written in; most are operational, so they must be asked for by name.</summary>
    public static IReadOnlyList<string> Attributes { get; } = [.. ByKind.Values.SelectMany(a => a).Distinct(StringComparer.Ordinal)];

    /// <summary>The reasons that keep the account from signing in, the most certain first.</summary>
    public static IReadOnlyList<AccountObstacle> Read(DirectoryEntry entry, DateTimeOffset now) =>
        [.. ActiveDirectory(entry, now).Concat(OpenLdap(entry)).Concat(Directory389(entry, now)).OrderByDescending(o => o.IsCertain)];

    /// <summary>
    /// The attributes that the searching account cannot read. Missing, they would look like an account in good standing. In Active
    /// Directory every account has them; elsewhere a filter about one that may not be read is neither true nor false, and neither is its
    /// negation (RFC 4511 section 4.5.1.7).
    /// </summary>
    public static IReadOnlyList<string> Hidden(DirectoryEntry entry, GroupReader.Search search)
    {
        var absent = ByKind[entry.Kind].Where(a => entry.Value(a) is null).ToList();
        if (entry.Kind == DirectoryKind.ActiveDirectory || absent.Count == 0) return absent;
        return AreReadable(absent) ? [] : absent.FindAll(a => !AreReadable([a]));

        bool AreReadable(IEnumerable<string> attributes)
        {
            var filter = $"(&{string.Concat(attributes.Select(a => $"(|({a}=*)(!({a}=*)))"))})";
            return search(new SearchQuestion(entry.Dn, SearchDepth.Base, filter, ["1.1"], 1)).Entries.Count > 0;
        }
    }

    private static IEnumerable<AccountObstacle> ActiveDirectory(DirectoryEntry entry, DateTimeOffset now)
    {
        if (entry.Kind == DirectoryKind.ActiveDirectory && entry.Value(Control) is null)
        {
            yield return new(
                $"cannot tell whether the account is disabled: {Control} cannot be read; give bindDn the right to read it", true);
        }

        var control = Number(entry.Value(Control));
        var computed = Number(entry.Value("msDS-User-Account-Control-Computed"));
        if ((control & AccountDisabled) != 0) yield return new("the account is disabled (userAccountControl has ACCOUNTDISABLE)", true);
        if ((computed & LockedOut) != 0)
        {
            yield return new("the account is locked out (msDS-User-Account-Control-Computed has LOCKOUT)", true);
        }

        // A password that must be changed is marked as expired too.
        if (entry.Value("pwdLastSet") == "0") yield return new("the password must be changed first (pwdLastSet is 0)", true);
        else if (((control | computed) & PasswordExpired) != 0) yield return new("the password has expired (PASSWORD_EXPIRED)", true);
        if (FileTime(entry.Value("accountExpires")) is { } end && end <= now)
        {
            yield return new($"the account expired at {Show(end)} (accountExpires)", true);
        }
    }

    // The time of a lock stays in the entry when the lock has run out, until the next bind: only that tells.
    private static IEnumerable<AccountObstacle> OpenLdap(DirectoryEntry entry)
    {
        if (entry.Value("pwdAccountLockedTime") is { } locked)
        {
            yield return locked == LockedForEver
                ? new("the account is locked until an administrator unlocks it (pwdAccountLockedTime)", true)
                : new(
                    "the account has been locked since "
                    + $"{(GeneralizedTime(locked) is { } since ? Show(since) : locked)} (pwdAccountLockedTime)",
                    false);
        }

        if (IsTrue(entry.Value("pwdReset"))) yield return new("the password must be changed first (pwdReset)", true);
    }

    private static IEnumerable<AccountObstacle> Directory389(DirectoryEntry entry, DateTimeOffset now)
    {
        if (IsTrue(entry.Value("nsAccountLock"))) yield return new("the account is inactivated (nsAccountLock)", true);
        if (GeneralizedTime(entry.Value("accountUnlockTime")) is { } unlock && unlock > now)
        {
            yield return new($"the account is locked until {Show(unlock)} (accountUnlockTime)", true);
        }

        if (GeneralizedTime(entry.Value("passwordExpirationTime")) is { } end && end <= now && end.Year > 1970)
        {
            yield return new($"the password expired at {Show(end)} (passwordExpirationTime)", false);
        }
    }

    private static bool IsTrue(string? value) => string.Equals(value, "TRUE", StringComparison.OrdinalIgnoreCase);

    private static long Number(string? value) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0;

    // 0 and the largest number both mean never.
    private static DateTimeOffset? FileTime(string? value) =>
        Number(value) is > 0 and < 2650467743999999999 and var ticks ? DateTimeOffset.FromFileTime(ticks) : null;

    private static DateTimeOffset? GeneralizedTime(string? value) =>
        DateTimeOffset.TryParseExact(
            value, ["yyyyMMddHHmmss'Z'", "yyyyMMddHHmm'Z'", "yyyyMMddHHmmss.FFFFFF'Z'"], CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    private static string Show(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
