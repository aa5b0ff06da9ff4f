using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Web;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tls;

/// <summary>
/// A certificate and its key in files, followed while the server runs. What does not fit together changes nothing: the last good pair
/// stays in force.
/// </summary>
public sealed partial class CertificateFiles
{
    private readonly string[] paths;
    private readonly IReadOnlyList<(string? TrustDomain, string File)> bundles;
    private readonly bool isSpiffe;
    private readonly ILogger<CertificateFiles> log;
    private readonly FollowedFiles<Seen> files;

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="certificateFile">The certificate and its intermediate certificates, in PEM.</param>
    /// <param name="keyFile">The key, in PEM.</param>
    /// <param name="clients">The authorities of clients; null when their certificates are not asked for.</param>
    /// <param name="log">Receives renewals and unusable files.</param>
    /// <exception cref="OperatorException">They cannot be used.</exception>
    public CertificateFiles(string certificateFile, string keyFile, ClientCertificateOptions? clients, ILogger<CertificateFiles> log)
    {
        this.log = log;
        (bundles, isSpiffe) = (clients?.Bundles ?? [], clients?.AccountFrom == ClientCertificateOptions.Spiffe);
        paths = [certificateFile, keyFile, .. bundles.Select(b => b.File)];
        files = new FollowedFiles<Seen>(paths, Read);
        WarnOfUnknownIssuer(Current);
    }

    /// <summary>The certificates in use, read again when their files have changed.</summary>
    public CertificateSet Current => files.Current.Set;

    /// <summary>Why the current files are not in use; null when they are.</summary>
    public string? Failure => files.Current.Failure;

    /// <summary>The part of readiness. An expired certificate fails it; one in the last tenth of its life is due for renewal.</summary>
    public HealthPart Health(DateTimeOffset now)
    {
        var (set, failure) = (Current, Failure);
        var (from, until) = (new DateTimeOffset(set.Certificate.NotBefore), new DateTimeOffset(set.Certificate.NotAfter));
        var date = until.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        if (now >= until) return new HealthPart("certificate", HealthStatus.Failed, $"it expired at {date}");
        if (failure is not null)
        {
            return new HealthPart(
                "certificate",
                HealthStatus.Degraded,
                $"the renewed files cannot be used (see the log); the previous certificate is served until {date}");
        }

        return until - now < (until - from) / 10
            ? new HealthPart("certificate", HealthStatus.Degraded, $"it expires at {date} and has not been renewed")
            : new HealthPart("certificate", HealthStatus.Ok);
    }

    private Seen Read(Seen? last, out bool isFinal)
    {
        isFinal = true;
        if (!TryRead(last, out var digest, out var set, out var failure))
        {
            if (last is null) throw Unusable(failure);
            if (failure != last.Failure) LogUnusable(log, paths[0], paths[1], failure);
            return last with { Failure = failure };
        }

        if (last is null) return new Seen(digest, set, null);

        if (!ReferenceEquals(set, last.Set))
        {
            var until = set.Certificate.NotAfter.ToUniversalTime();
            LogRenewed(log, paths[0], until);
            WarnOfUnknownIssuer(set);
        }

        return new Seen(digest, set, null);
    }

    private OperatorException Unusable(string failure)
    {
        var authorities = bundles.Count == 0 ? "" : $" and the clients' authorities {string.Join(", ", bundles.Select(b => b.File))}";
        return new OperatorException($"the certificate {paths[0]} with key {paths[1]}{authorities} cannot be used: {failure}");
    }

    /// <summary>What the files hold, or the last set when they hold the same; false with the reason when it cannot be used.</summary>
    private bool TryRead(
        Seen? last, out byte[] digest, [NotNullWhen(true)] out CertificateSet? set, [NotNullWhen(false)] out string? failure)
    {
        (digest, set, failure) = ([], null, null);
        try
        {
            var texts = Array.ConvertAll(
                paths, p => p == paths[1] ? SecretFile.ReadText(p, "the key", "write the certificate's key into it") : File.ReadAllText(p));
            digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', texts)));
            set = last is not null && digest.AsSpan().SequenceEqual(last.Digest)
                ? last.Set
                : CertificateSet.Parse(texts[0], texts[1], [.. bundles.Select((b, i) => (b.TrustDomain, texts[i + 2]))], isSpiffe);
            return true;
        }
        catch (Exception e) when (
            e is OperatorException or CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            failure = e.Message;
            return false;
        }
    }

    private void WarnOfUnknownIssuer(CertificateSet set)
    {
        if (set.UnknownIssuer is null) return;
        var issuer = LogText.Clean(set.UnknownIssuer);
        LogUnknownIssuer(log, paths[0], issuer);
    }

    [LoggerMessage(
        EventId = LogEvents.CertificateRenewed, EventName = nameof(LogEvents.CertificateRenewed), Level = LogLevel.Information,
        Message = "The certificate {File} was renewed; it is valid until {Until:u}")]
    private static partial void LogRenewed(ILogger log, string file, DateTime until);

    [LoggerMessage(
        EventId = LogEvents.CertificateIssuerMissing, EventName = nameof(LogEvents.CertificateIssuerMissing), Level = LogLevel.Warning,
        Message = "The certificate {File} is not followed by that of its issuer \"{Issuer}\", which this machine does not trust: "
            + "if that is an intermediate authority, append its certificate to the file; if it is a root, clients must trust it")]
    private static partial void LogUnknownIssuer(ILogger log, string file, string issuer);

    [LoggerMessage(
        EventId = LogEvents.CertificateUnusable, EventName = nameof(LogEvents.CertificateUnusable), Level = LogLevel.Error,
        Message = "The certificate {CertificateFile} and the key {KeyFile} were changed and cannot be used: {Reason}; the previous "
            + "ones remain in use")]
    private static partial void LogUnusable(ILogger log, string certificateFile, string keyFile, string reason);

    private sealed record Seen(byte[] Digest, CertificateSet Set, string? Failure);
}
