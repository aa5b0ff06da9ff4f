using System.Diagnostics.CodeAnalysis;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Keys;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract.Wire;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The public keys whose signatures are trusted, by <c>kid</c> (RFC 7517), and the certificates that vouch for others. The keys are
/// fetched from the token server, again every few minutes and, at a bounded rate, when a token names a key not seen yet; what it
/// withdraws is not trusted from then on. The last set is kept on disk, so that pulls go on while the token server is away, also
/// over a restart, for as long as <see cref="TokenServerLinkOptions.KeysMaxAge"/>. Files are read again when they change.
/// </summary>
internal sealed partial class TrustedKeys : BackgroundLoop
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly string[] files; // not the copy of a fetched set, which is our own and nobody else's to change
    private readonly string? certificatesFile;
    private readonly ILogger<TrustedKeys> log;
    private readonly ReceivedKeys received;
    private readonly KeyFollower? follower; // null where only certificates are trusted
    private volatile TrustedCertificates? certificates;
    private string? lastBundle;
    private long bundles;
    private string? bundleFailure;

    public TrustedKeys(
        RegistryIdentity identity, TokenServerLinkOptions link, HttpClient http, BackgroundLoops loops, ILogger<TrustedKeys> log)
        : base("trustedKeys", loops)
    {
        certificatesFile = link.CertificatesFile;
        files = [.. new[] { link.KeysFile, certificatesFile }.OfType<string>()];
        this.log = log;
        if (link.KeysFile is { } file)
        {
            received = new ReceivedKeys(null, null, Clock);
            follower = new KeyFollower(file, received, stop => File.ReadAllBytesAsync(file, stop), Clock, log);
            follower.TakeFirst("registry.tokenServer.keysFile", file);
        }
        else
        {
            received = new ReceivedKeys(Path.Combine(identity.Folder, "trusted-keys.json"), link.KeysMaxAge, Clock);
            if (link.KeysUrl is not null || certificatesFile is null)
            {
                var url = link.KeysUrl ?? link.At(ServerPaths.Keys);
                follower = new KeyFollower(url.AbsoluteUri, received, stop => http.GetByteArrayAsync(url, stop), Clock, log);
                follower.Recall();
            }
        }

        if (certificatesFile is not null && !TryTakeBundle(certificatesFile, out var problem))
        {
            throw new OperatorException($"registry.tokenServer.certificatesFile: {problem}");
        }
    }

    /// <summary>Whether any key is trusted.</summary>
    public bool Any => received.Current.Count > 0 || certificates is not null;

    /// <summary>What is wrong with the keys, for readiness; null when all is well.</summary>
    public string? Problem =>
        received.IsTooOld ? "the token server's keys were not confirmed for too long and are not trusted any more"
        : !Any ? "no key of the token server is trusted: none has been received yet, or all were withdrawn"
        : received.CopyProblem is not null ? "the keys cannot be kept on disk, as the log says; after a restart they have to be fetched "
            + "first"
        : null;

    /// <summary>Another number whenever what is trusted has changed: what was trusted before must prove itself again.</summary>
    public long Generation => received.Generation + Interlocked.Read(ref bundles);

    /// <summary>The key that a token names or proves by certificates, or null; may ask the token server when it is new.</summary>
    /// <param name="keyId">The name; null when the token has none.</param>
    /// <param name="chain">The certificates that the token brings along, looked at only for a name that is not known.</param>
    /// <param name="cancellationToken">Ends the wait for the token server.</param>
    public async ValueTask<SecurityKey?> FindAsync(string? keyId, IReadOnlyList<byte[]> chain, CancellationToken cancellationToken)
    {
        if (Find(keyId, chain) is { } known) return known;
        if (follower is not null) await follower.AskAsync(cancellationToken);
        return Find(keyId, chain);
    }

    /// <summary>Reads keys and certificates anew; on failure the last good ones stay in force. True when both are fresh.</summary>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        var isFresh = follower is null || await follower.RefreshAsync(cancellationToken);
        return TakeBundle() && isFresh;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        follower?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        var (since, seen) = (Clock.GetTimestamp(), FileSnapshot.Of(files));
        var fresh = await RefreshAsync(stoppingToken);
        do await Task.Delay(LookEvery, Clock, stoppingToken);
        while (fresh && Clock.GetElapsedTime(since) < KeyFollower.RefreshEvery && seen.IsCurrent);
    }

    private SecurityKey? Find(string? keyId, IReadOnlyList<byte[]> chain)
    {
        // A name that is known decides alone: what else the token brings along is its sender's choice.
        if (keyId is not null && received.Current.TryGetValue(keyId, out var known)) return known;
        if (certificates is not { } bundle) return null;
        return keyId is not null && bundle.Keys.TryGetValue(keyId, out known) ? known : bundle.Prove(chain, Clock.GetUtcNow());
    }

    /// <summary>
    /// Reads the certificates again, where there are any; on failure the last good ones stay in force. True when they are fresh.
    /// </summary>
    private bool TakeBundle()
    {
        if (certificatesFile is null) return true;
        if (!TryTakeBundle(certificatesFile, out var problem) && problem != bundleFailure) LogFailure(log, problem);
        bundleFailure = problem;
        return problem is null;
    }

    private bool TryTakeBundle(string file, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        try
        {
            var pem = File.ReadAllText(file);
            if (pem == lastBundle) return true;
            certificates = TrustedCertificates.Parse(pem);
            lastBundle = pem;
            Interlocked.Increment(ref bundles);
            return true;
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            problem = $"{certificatesFile}: {e.Message}";
            return false;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.TrustedCertificatesUnreadable, EventName = nameof(LogEvents.TrustedCertificatesUnreadable),
        Level = LogLevel.Warning,
        Message = "Could not read the trusted certificates ({Reason}); continuing with the known ones and retrying")]
    private static partial void LogFailure(ILogger log, string reason);
}
