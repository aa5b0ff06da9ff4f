using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Web;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tls;

/// <summary>
/// A certificate and its key in files, followed while the server runs: asked at every handshake, it costs a stat of each file,
/// and they are read again only when the stats say so, whether they were written, renamed or reached by another link. What does
/// not fit together changes nothing: the last good pair stays in force.
/// </summary>
public sealed partial class CertificateFiles
{
    private readonly Lock gate = new();
    private readonly string[] paths;
    private readonly IReadOnlyList<(string? TrustDomain, string File)> bundles;
    private readonly bool isSpiffe;
    private readonly ILogger<CertificateFiles> log;
    private Seen seen;

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="certificateFile">The certificate and its intermediate certificates, in PEM.</param>
    /// <param name="keyFile">The key, in PEM.</param>
    /// <param name="clients">The authorities of clients; null when their certificates are not asked for.</param>
    /// <param name="log">Told of renewals and of what cannot be used.</param>
    /// <exception cref="OperatorException">They cannot be used.</exception>
    public CertificateFiles(string certificateFile, string keyFile, ClientCertificateOptions? clients, ILogger<CertificateFiles> log)
    {
        this.log = log;
        (bundles, isSpiffe) = (clients?.Bundles ?? [], clients?.AccountFrom == ClientCertificateOptions.Spiffe);
        paths = [certificateFile, keyFile, .. bundles.Select(b => b.File)];
        var stamps = Stamps();
        var set = Read(null, out var digest, out var failure)
            ?? throw new OperatorException($"the certificate {certificateFile} with key {keyFile}{(bundles.Count == 0 ? "" : $" and the clients' authorities {string.Join(", ", bundles.Select(b => b.File))}")} cannot be used: {failure}");
        seen = new Seen(stamps, AreSettled(stamps), digest, set, null);
        WarnOfUnknownIssuer(set);
    }

    /// <summary>What is in force.</summary>
    public CertificateSet Current => Refresh().Set;

    /// <summary>Why the files, as they are now, are not what is in force; null when they are.</summary>
    public string? Failure => Refresh().Failure;

    /// <summary>The part of readiness. An expired certificate fails it; one in the last tenth of its life is due for renewal.</summary>
    public HealthPart Health(DateTimeOffset now)
    {
        var (set, failure) = (Current, Failure);
        var (from, until) = (new DateTimeOffset(set.Certificate.NotBefore), new DateTimeOffset(set.Certificate.NotAfter));
        var date = until.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        if (now >= until) return new HealthPart("certificate", HealthStatus.Failed, $"it expired at {date}");
        if (failure is not null) return new HealthPart("certificate", HealthStatus.Degraded, $"the renewed files cannot be used, as the log says; the certificate before them is served until {date}");
        return until - now < (until - from) / 10
            ? new HealthPart("certificate", HealthStatus.Degraded, $"it expires at {date} and has not been renewed")
            : new HealthPart("certificate", HealthStatus.Ok);
    }

    private Seen Refresh()
    {
        var last = Volatile.Read(ref seen);
        if (last.IsSettled && Stamps().AsSpan().SequenceEqual(last.Stamps)) return last;
        lock (gate)
        {
            Volatile.Write(ref seen, LookAgain(seen));
            return seen;
        }
    }

    private Seen LookAgain(Seen last)
    {
        var stamps = Stamps(); // before reading: what is written meanwhile is seen at the next look
        var set = Read(last, out var digest, out var failure);
        if (failure is not null && failure != last.Failure) LogUnusable(log, paths[0], paths[1], failure);
        if (set is not null && !ReferenceEquals(set, last.Set))
        {
            var until = set.Certificate.NotAfter.ToUniversalTime();
            LogRenewed(log, paths[0], until);
            WarnOfUnknownIssuer(set);
        }

        return new Seen(stamps, AreSettled(stamps), set is null ? last.Digest : digest, set ?? last.Set, failure);
    }

    /// <summary>What the files hold, or the last set when they hold the same; null with the reason when it cannot be used.</summary>
    private CertificateSet? Read(Seen? last, out byte[] digest, out string? failure)
    {
        (digest, failure) = ([], null);
        try
        {
            var texts = Array.ConvertAll(paths, File.ReadAllText);
            digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', texts)));
            return last is not null && digest.AsSpan().SequenceEqual(last.Digest) ? last.Set : CertificateSet.Parse(texts[0], texts[1], [.. bundles.Select((b, i) => (b.TrustDomain, texts[i + 2]))], isSpiffe);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            failure = e.Message;
            return null;
        }
    }

    private void WarnOfUnknownIssuer(CertificateSet set)
    {
        if (set.UnknownIssuer is null) return;
        var issuer = LogText.Clean(set.UnknownIssuer);
        LogUnknownIssuer(log, paths[0], issuer);
    }

    private FileVersion?[] Stamps() => Array.ConvertAll(paths, FileVersion.Of);

    private static bool AreSettled(FileVersion?[] stamps) => Array.TrueForAll(stamps, s => s is { IsSettled: true });

    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate {File} was renewed; it is good until {Until:u}")]
    private static partial void LogRenewed(ILogger log, string file, DateTime until);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The certificate {File} is followed by none of \"{Issuer}\", which this machine does not trust: if that is an intermediate authority, append its certificate to the file; if it is a root, clients must trust it")]
    private static partial void LogUnknownIssuer(ILogger log, string file, string issuer);

    [LoggerMessage(Level = LogLevel.Error, Message = "The certificate {CertificateFile} and the key {KeyFile} were changed and cannot be used: {Reason}; the ones before stay in force")]
    private static partial void LogUnusable(ILogger log, string certificateFile, string keyFile, string reason);

    private sealed record Seen(FileVersion?[] Stamps, bool IsSettled, byte[] Digest, CertificateSet Set, string? Failure);
}
