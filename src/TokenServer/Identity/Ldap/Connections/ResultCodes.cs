namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>The result codes that are distinguished (RFC 4511 appendix A.2).</summary>
internal static class ResultCodes
{
    public const int Success = 0;
    public const int OperationsError = 1;
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

    /// <summary>A code in words, as RFC 4511 names it, with its number.</summary>
    public static string Name(int code) => code switch
    {
        OperationsError => "operations error (result 1)",
        TimeLimitExceeded => "time limit exceeded (result 3)",
        SizeLimitExceeded => "size limit exceeded (result 4)",
        StrongerAuthRequired => "stronger authentication required (result 8)",
        Referral => "referral (result 10)",
        ConfidentialityRequired => "confidentiality required (result 13)",
        ConstraintViolation => "constraint violation (result 19)",
        NoSuchObject => "no such object (result 32)",
        InvalidDnSyntax => "invalid DN syntax (result 34)",
        InappropriateAuthentication => "inappropriate authentication (result 48)",
        InvalidCredentials => "invalid credentials (result 49)",
        InsufficientAccessRights => "insufficient access rights (result 50)",
        Busy => "busy (result 51)",
        Unavailable => "unavailable (result 52)",
        UnwillingToPerform => "unwilling to perform (result 53)",
        _ => $"result {code}",
    };
}
