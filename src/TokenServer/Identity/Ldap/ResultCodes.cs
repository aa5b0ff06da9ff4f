namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>The result codes that are told apart (RFC 4511 appendix A.2).</summary>
internal static class ResultCodes
{
    public const int Success = 0;
    public const int TimeLimitExceeded = 3;
    public const int SizeLimitExceeded = 4;
    public const int StrongerAuthRequired = 8;
    public const int Referral = 10;
    public const int ConfidentialityRequired = 13;
    public const int ConstraintViolation = 19;
    public const int NoSuchObject = 32;
    public const int InvalidDnSyntax = 34;
    public const int InappropriateAuthentication = 48;
    public const int InvalidCredentials = 49;
    public const int InsufficientAccessRights = 50;
    public const int Busy = 51;
    public const int Unavailable = 52;
    public const int UnwillingToPerform = 53;
}
