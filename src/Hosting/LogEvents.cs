namespace AuthIndex.Hosting;

/// <summary>
/// The ids of what the parts that both servers share log, 1000 and up. An id never changes its meaning; the constant's name is the
/// event's name.
/// </summary>
internal static class LogEvents
{
    public const int BackgroundLoopFailed = 1001;
    public const int BackgroundLoopRecovered = 1002;
    public const int DataDirectoryOpenToOthers = 1003;
    public const int DataDirectoryForeignOwner = 1004;
    public const int Access = 1005;
    public const int TlsNoClientHello = 1006;
    public const int ClientCertificateRejected = 1007;
    public const int CertificateRenewed = 1008;
    public const int CertificateIssuerMissing = 1009;
    public const int CertificateUnusable = 1010;
    public const int RequestsCut = 1011;
    public const int ForwardedForIgnored = 1012;
    public const int ForwardedForUnreadable = 1013;
    public const int KeysTrusted = 1014;
    public const int KeyIgnored = 1015;
    public const int KeysUnreadable = 1016;
    public const int KeysNotSaved = 1017;
}
