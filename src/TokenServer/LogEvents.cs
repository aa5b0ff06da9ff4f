namespace AuthIndex.TokenServer;

/// <summary>
/// The ids of what the token server logs, 3000 and up. An id never changes its meaning; the constant's name is the event's name.
/// </summary>
internal static class LogEvents
{
    public const int AuditRotationFailed = 3001;
    public const int AccessTokenCreated = 3002;
    public const int TokenRevoked = 3003;
    public const int TokenUsageLost = 3004;
    public const int HtpasswdRead = 3005;
    public const int HtpasswdLineInvalid = 3006;
    public const int HtpasswdUnavailable = 3007;
    public const int DirectoryServerDown = 3008;
    public const int DirectoryServiceAccountRefused = 3009;
    public const int DirectorySearchRefused = 3010;
    public const int DirectoryServerUp = 3011;
    public const int DirectoryProbeFailed = 3012;
    public const int DirectoryLockoutShield = 3013;
    public const int DirectoryOutageGrace = 3014;
    public const int DirectoryEntryUnusual = 3015;
    public const int SharedAccountName = 3016;
    public const int SharedNamesCheckFailed = 3017;
    public const int CatalogRebuilt = 3018;
    public const int ReportRefused = 3019;
    public const int TokenInactive = 3020;
    public const int TokenOwnerUnknown = 3021;
    public const int KeysChanged = 3022;
    public const int KeysUnusable = 3023;
    public const int KeysValidAgain = 3024;
    public const int PolicyLoaded = 3025;
    public const int ShadowPolicyLoaded = 3026;
    public const int PolicyWarning = 3027;
    public const int PolicyInvalid = 3028;
    public const int PolicyValidAgain = 3029;
    public const int PolicyWatchUnavailable = 3030;
    public const int AccountUnlocked = 3031;
    public const int AccountSuspended = 3032;
    public const int AccountResumed = 3033;
    public const int RevocationAhead = 3034;
    public const int ShadowPolicyDiffers = 3035;
    public const int SignInUnavailable = 3036;
    public const int RequestGranted = 3037;
    public const int RequestRefused = 3038;
    public const int SignInLimited = 3039;
    public const int SignInFailed = 3040;
    public const int RequestFailed = 3041;
    public const int DatabaseUnavailable = 3050;
    public const int RegistryUnreachable = 3051;
    public const int RegistryRefused = 3052;
    public const int NameIndexUnavailable = 3053;
}
