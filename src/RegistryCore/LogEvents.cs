namespace AuthIndex.RegistryCore;

/// <summary>
/// The ids of what the registry logs, 2000 and up. An id never changes its meaning; the constant's name is the event's name.
/// </summary>
internal static class LogEvents
{
    public const int UploadsExpired = 2001;
    public const int ContentDamaged = 2002;
    public const int LeftoversKept = 2003;
    public const int UncleanShutdown = 2004;
    public const int GarbageCollected = 2005;
    public const int RecentAccessLost = 2006;
    public const int IntrospectionFailed = 2007;
    public const int TrustedCertificatesUnreadable = 2008;
    public const int AccessQueryFailed = 2012;
    public const int CommandStarted = 2013;
    public const int CommandFailed = 2014;
    public const int CommandCancelled = 2015;
    public const int RevocationsReceived = 2016;
    public const int RevocationFeedLost = 2017;
    public const int RevocationFeedRecovered = 2018;
    public const int RevocationFileUnreadable = 2019;
    public const int RevocationFileUnwritable = 2020;
    public const int ClientDisconnected = 2021;
    public const int StorageFull = 2022;
    public const int RequestFailed = 2023;
    public const int ReportFailed = 2024;
    public const int ServiceNameContested = 2025;
    public const int ReportRecovered = 2026;
    public const int ResyncStarted = 2027;
    public const int ResyncFinished = 2028;
    public const int DatabaseUnavailable = 2029;
    public const int UpstreamFailed = 2030;
    public const int UpstreamRecovered = 2031;
    public const int UpstreamContentRefused = 2032;
    public const int UpstreamDownloadFailed = 2033;
    public const int UpstreamEvicted = 2034;
    public const int UpstreamPinsExceedQuota = 2035;
    public const int UpstreamUsesLost = 2036;
    public const int LeasesKept = 2040;
    public const int PullTimesLost = 2041;
    public const int ObjectStoreUnavailable = 2050;
    public const int ObjectStoreFailed = 2051;
    public const int RedirectLeaksToken = 2052;
    public const int UploadRefused = 2053;
    public const int UploadCleanupFailed = 2054;
    public const int ObjectStoreKeysChanged = 2055;
    public const int ObjectStoreKeysUnusable = 2056;
    public const int BytesUndeleted = 2057;
    public const int BlobsUnread = 2058;
}
