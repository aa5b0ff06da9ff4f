using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Keys;
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
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(10);

    private readonly Uri? url;
    private readonly string? file;
    private readonly string? certificatesFile;
    private readonly HttpClient http;
    private readonly ILogger<TrustedKeys> log;
    private readonly SemaphoreSlim refreshing = new(1, 1);
    private readonly SingleFlight unknown;
    private readonly ReceivedKeys received;
    private volatile TrustedCertificates? certificates;
    private string? lastBundle;
    private long bundles;
    private string? failure;
    private string? copyProblem;

    public TrustedKeys(RegistryOptions options, HttpClient http, BackgroundLoops loops, ILogger<TrustedKeys> log)
        : base("trustedKeys", loops)
    {
        var link = options.TokenServer;
        certificatesFile = link.CertificatesFile;
        if (link.KeysFile is null && (link.KeysUrl is not null || certificatesFile is null)) url = link.KeysUrl ?? link.At(ServerPaths.Keys);
        file = link.KeysFile;
        this.http = http;
        this.log = log;
        received = new ReceivedKeys(url is null ? null : Path.Combine(options.Root, "trusted-keys.json"), url is null ? null : link.KeysMaxAge, Clock);
        unknown = new SingleFlight(() => RefreshAsync(CancellationToken.None), UnknownKeyPause, Clock);
        if (file is not null) TakeFirst("keysFile", file, path => TakeSet(File.ReadAllBytes(path), path));
        else Recall();
        if (certificatesFile is not null) TakeFirst("certificatesFile", certificatesFile, path => TakeBundle(File.ReadAllText(path)));
    }

    /// <summary>Whether any key is trusted.</summary>
    public bool Any => received.Current.Count > 0 || certificates is not null;

    /// <summary>What is wrong with the keys, for readiness; null when all is well.</summary>
    public string? Problem =>
        received.IsTooOld ? "the token server's keys were not confirmed for too long and are not trusted any more"
        : !Any ? "no key of the token server is trusted: none has been received yet, or all were withdrawn"
        : received.CopyProblem is not null ? "the keys cannot be kept on disk, as the log says; after a restart they have to be fetched first"
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
        await unknown.AskAsync().WaitAsync(cancellationToken);
        return Find(keyId, chain);
    }

    /// <summary>Reads keys and certificates anew; on failure the last good ones stay in force. True when both are fresh.</summary>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        await refreshing.WaitAsync(cancellationToken);
        try
        {
            var problems = new List<string>();
            if (url is not null) await TryAsync(url.AbsoluteUri, async () => TakeSet(await http.GetByteArrayAsync(url, cancellationToken), url.AbsoluteUri), problems, cancellationToken);
            if (file is not null) await TryAsync(file, async () => TakeSet(await File.ReadAllBytesAsync(file, cancellationToken), file), problems, cancellationToken);
            if (certificatesFile is not null) await TryAsync(certificatesFile, async () => TakeBundle(await File.ReadAllTextAsync(certificatesFile, cancellationToken)), problems, cancellationToken);

            var now = problems.Count == 0 ? null : string.Join("; ", problems);
            if (now is not null && failure is null) LogFailure(log, now, received.Current.Count);
            failure = now;
            return now is null;
        }
        finally
        {
            refreshing.Release();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        refreshing.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        var (since, seen) = (Clock.GetTimestamp(), FileSnapshot.Of([.. new[] { file, certificatesFile }.OfType<string>()])); // the copy of a fetched set is our own and nobody else's to change
        var fresh = await RefreshAsync(stoppingToken);
        do await Task.Delay(LookEvery, Clock, stoppingToken);
        while (fresh && Clock.GetElapsedTime(since) < RefreshEvery && seen.IsCurrent);
    }

    private SecurityKey? Find(string? keyId, IReadOnlyList<byte[]> chain)
    {
        // A name that is known decides alone: what else the token brings along is its sender's choice.
        if (keyId is not null && received.Current.TryGetValue(keyId, out var known)) return known;
        if (certificates is not { } bundle) return null;
        return keyId is not null && bundle.Keys.TryGetValue(keyId, out known) ? known : bundle.Prove(chain, Clock.GetUtcNow());
    }

    private static async Task TryAsync(string source, Func<Task> read, List<string> problems, CancellationToken cancellationToken)
    {
        try
        {
            await read();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or FormatException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            problems.Add($"{source}: {e.Message}");
        }
    }

    private void TakeSet(byte[] bytes, string source)
    {
        var taken = received.Take(bytes);
        foreach (var key in taken.PassedOver) LogPassedOver(log, key, source);
        if (taken.IsNew) LogKeys(log, received.Current.Count, source);
        if (received.CopyProblem is { } problem && problem != copyProblem) LogNotKept(log, problem);
        copyProblem = received.CopyProblem;
    }

    private void TakeBundle(string pem)
    {
        if (pem == lastBundle) return;
        certificates = TrustedCertificates.Parse(pem);
        lastBundle = pem;
        Interlocked.Increment(ref bundles);
    }

    private void Recall()
    {
        try
        {
            received.Recall();
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            LogFailure(log, $"the copy of the last set: {e.Message}", 0); // the next answer replaces it
        }
    }

    private static void TakeFirst(string key, string path, Action<string> take)
    {
        try
        {
            take(path);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"registry.tokenServer.{key}: {path}: {e.Message}", e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Trusting {Count} signing keys from {Source}")]
    private static partial void LogKeys(ILogger log, int count, string source);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing key {Key} from {Source} cannot be used and is ignored")]
    private static partial void LogPassedOver(ILogger log, string key, string source);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing keys could not be read ({Reason}); going on with the {Count} known ones and trying again")]
    private static partial void LogFailure(ILogger log, string reason, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "The signing keys are in force but cannot be kept on disk: {Reason}")]
    private static partial void LogNotKept(ILogger log, string reason);
}
