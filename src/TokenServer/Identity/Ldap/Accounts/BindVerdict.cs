using System.Globalization;
using System.Text.RegularExpressions;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>What a refused bind means.</summary>
internal static partial class BindVerdict
{
    /// <summary>Reads a server's refusal.</summary>
    /// <param name="answer">The refusal.</param>
    /// <param name="obstacles">What in the account's entry keeps it from signing in.</param>
    /// <param name="retryAfter">When it is worth asking again, where the server cannot tell now.</param>
    public static SignInOutcome Of(BindAnswer answer, IReadOnlyList<AccountObstacle> obstacles, TimeSpan retryAfter)
    {
        if (answer.IsForChangeOnly)
        {
            return new SignInOutcome.Refused(
                "the password must be changed first: the directory lets the account bind, but nothing else");
        }

        var said = LogText.Clean(answer.Diagnostic);
        switch (answer.Code)
        {
            case ResultCodes.InvalidCredentials:
                if (ActiveDirectoryReason(answer.Diagnostic) is { } reason) return new SignInOutcome.Refused(reason);
                if (SaysExpired(answer.Diagnostic)) return new SignInOutcome.Refused("the password has expired");
                return obstacles is [var obstacle, ..] ? new SignInOutcome.Refused(obstacle.Reason) : new SignInOutcome.WrongPassword();
            case ResultCodes.NoSuchObject or ResultCodes.InvalidDnSyntax:
                return new SignInOutcome.WrongPassword();
            case ResultCodes.ConstraintViolation or ResultCodes.UnwillingToPerform or ResultCodes.InsufficientAccessRights
                or ResultCodes.InappropriateAuthentication:
                return new SignInOutcome.Refused(
                    obstacles is [var known, ..]
                    ? known.Reason
                    : $"the directory does not let the account bind: result {answer.Code} {said}".TrimEnd());
            case ResultCodes.ConfidentialityRequired or ResultCodes.StrongerAuthRequired:
                return new SignInOutcome.Unavailable(
                    retryAfter, $"the directory accepts passwords only over TLS: result {answer.Code} {said}".TrimEnd());
            default:
                return new SignInOutcome.Unavailable(
                    retryAfter, $"the directory could not check the password: result {answer.Code} {said}".TrimEnd());
        }
    }

    /// <summary>Whether the directory looked at the password and counted it as wrong, or may have.</summary>
    /// <param name="answer">The refusal.</param>
    /// <param name="verdict">What it means.</param>
    public static bool IsCounted(BindAnswer answer, SignInOutcome verdict) =>
        verdict is not SignInOutcome.Unavailable
        && !answer.IsForChangeOnly
        && !SaysExpired(answer.Diagnostic)
        && !IsForRightPassword(ActiveDirectoryCode(answer.Diagnostic));

    // 389 Directory Server looks at the age of a password only once it is right.
    private static bool SaysExpired(string diagnostic) => diagnostic.Contains("password expired", StringComparison.OrdinalIgnoreCase);

    // Active Directory gives these only where the password is right, and counts nothing.
    private static bool IsForRightPassword(int? code) => code is 0x530 or 0x531 or 0x532 or 0x533 or 0x701 or 0x773;

    /// <summary>Active Directory's reason for result 49, by the code after "data"; null for a wrong password.</summary>
    public static string? ActiveDirectoryReason(string diagnostic)
    {
        var code = ActiveDirectoryCode(diagnostic);
        var reason = code switch
        {
            null or 0x525 or 0x52e => null,
            0x530 => "the account may not sign in at this time",
            0x531 => "the account may not sign in from this machine",
            0x532 => "the password has expired",
            0x533 => "the account is disabled",
            0x701 => "the account has expired",
            0x773 => "the password must be changed first",
            0x775 => "the account is locked out",
            _ => "the directory refused for another reason",
        };
        return reason is null ? null : $"{reason} (data {code:x})";
    }

    private static int? ActiveDirectoryCode(string diagnostic) =>
        Data().Match(diagnostic) is { Success: true } match
        ? int.Parse(match.Groups["code"].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : null;

    [GeneratedRegex(@"\bdata (?<code>[0-9a-f]{3,7})\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Data();
}
