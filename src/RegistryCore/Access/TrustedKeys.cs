using System.Collections.Frozen;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Keys;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The public keys whose signatures are believed, by <c>kid</c> (RFC 7517), and the certificates that vouch for others. The keys are
/// fetched from the token server, again every few minutes and, at a bounded rate, when a token names a key not seen yet; the last
/// good set is kept on disk, so that pulls go on while the token server is away, also over a restart. Files are read again when they
/// change.
/// </summary>
internal sealed partial class TrustedKeys : BackgroundService
{
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(10);

    private readonly Uri? url;
    private readonly string? file;
    private readonly string? certificatesFile;
    private readonly HttpClient http;
    private readonly TimeProvider clock;
    private readonly ILogger<TrustedKeys> log;
    private readonly SemaphoreSlim refreshing = new(1, 1);
    private readonly SharedQuestion unknown;
    private volatile Trust trust = new(FrozenDictionary<string, SecurityKey>.Empty, null, 0);
    private byte[]? lastSet;
    private string? lastBundle;
    private string? failure;

    public TrustedKeys(RegistryOptions options, HttpClient http, TimeProvider clock, ILogger<TrustedKeys> log)
    {
        var link = options.TokenServer;
        certificatesFile = link.CertificatesFile;
        if (link.KeysFile is null && (link.KeysUrl is not null || certificatesFile is null)) url = link.KeysUrl ?? link.At("/.well-known/jwks.json");
        file = url is null ? link.KeysFile : Path.Combine(options.Root, "trusted-keys.json");
        this.http = http;
        this.clock = clock;
        this.log = log;
        unknown = new SharedQuestion(() => RefreshAsync(CancellationToken.None), UnknownKeyPause, clock);
        if (file is not null && File.Exists(file)) TakeLastGood(link.KeysFile is not null);
        if (certificatesFile is not null) TakeFirstBundle(certificatesFile);
    }

    /// <summary>Whether any key is known.</summary>
    public bool Any => trust.Keys.Count > 0 || trust.Certificates is not null;

    /// <summary>Another number whenever what is believed has changed: what was believed before must prove itself again.</summary>
    public long Generation => trust.Generation;

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
            if (file is not null) await TryAsync(url?.AbsoluteUri ?? file, async () => TakeSet(url is null ? await File.ReadAllBytesAsync(file, cancellationToken) : await http.GetByteArrayAsync(url, cancellationToken)), problems, cancellationToken);
            if (certificatesFile is not null) await TryAsync(certificatesFile, async () => TakeBundle(await File.ReadAllTextAsync(certificatesFile, cancellationToken)), problems, cancellationToken);

            var now = problems.Count == 0 ? null : string.Join("; ", problems);
            if (now is not null && failure is null) LogFailure(log, now, trust.Keys.Count);
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
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var (since, seen) = (clock.GetTimestamp(), Stamps());
            var fresh = await RefreshAsync(stoppingToken);
            do await Task.Delay(LookEvery, clock, stoppingToken);
            while (fresh && clock.GetElapsedTime(since) < RefreshEvery && Stamps() == seen && seen.AreSettled);
        }
    }

    /// <summary>The state of the configured files. The copy of a fetched set is our own and nobody else's to change.</summary>
    private FileStamps Stamps() => new(url is null && file is not null ? FileStamp.Of(file) : null, certificatesFile is null ? null : FileStamp.Of(certificatesFile));

    private SecurityKey? Find(string? keyId, IReadOnlyList<byte[]> chain)
    {
        // A name that is known decides alone: what else the token brings along is its sender's choice.
        var now = trust;
        if (keyId is not null && now.Keys.TryGetValue(keyId, out var known)) return known;
        return now.Certificates?.Prove(chain, clock.GetUtcNow());
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

    private void TakeSet(byte[] bytes)
    {
        if (lastSet is not null && bytes.AsSpan().SequenceEqual(lastSet)) return;
        var fresh = KeySet.Parse(bytes);
        if (fresh.Count == 0) throw new FormatException("the key set holds no usable signing key");
        if (url is not null)
        {
            DurableFile.Replace(file!, bytes);
            LogKeys(log, fresh.Count, url.AbsoluteUri);
        }

        Take(bytes, fresh);
    }

    private void Take(byte[] bytes, FrozenDictionary<string, SecurityKey> set)
    {
        lastSet = bytes;
        trust = Merge(set, trust.Certificates);
    }

    private void TakeBundle(string pem)
    {
        if (pem == lastBundle) return;
        var certificates = TrustedCertificates.Parse(pem);
        lastBundle = pem;
        trust = Merge(lastSet is null ? FrozenDictionary<string, SecurityKey>.Empty : KeySet.Parse(lastSet), certificates);
    }

    private Trust Merge(FrozenDictionary<string, SecurityKey> set, TrustedCertificates? certificates) => new(
        certificates is null ? set : set.Concat(certificates.Keys.Where(k => !set.ContainsKey(k.Key))).ToFrozenDictionary(StringComparer.Ordinal),
        certificates,
        trust.Generation + 1);

    private void TakeLastGood(bool configured)
    {
        var bytes = File.ReadAllBytes(file!);
        try
        {
            Take(bytes, KeySet.Parse(bytes));
        }
        catch (FormatException e)
        {
            // The copy of a fetched set is replaced by the next fetch; a file that the operator names must be right.
            if (configured) throw new OperatorException($"registry.tokenServer.keysFile: {file} is {e.Message}", e);
            LogFailure(log, $"{file}: {e.Message}", 0);
        }
    }

    private void TakeFirstBundle(string path)
    {
        try
        {
            TakeBundle(File.ReadAllText(path));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"registry.tokenServer.certificatesFile: {path}: {e.Message}", e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Trusting {Count} signing keys from {Source}")]
    private static partial void LogKeys(ILogger log, int count, string source);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing keys could not be read ({Reason}); going on with the {Count} known ones and trying again")]
    private static partial void LogFailure(ILogger log, string reason, int count);

    /// <param name="Keys">Every key that a name stands for.</param>
    /// <param name="Certificates">What vouches for keys without a name; null where only keys are trusted.</param>
    /// <param name="Generation">Grows with every change.</param>
    private sealed record Trust(FrozenDictionary<string, SecurityKey> Keys, TrustedCertificates? Certificates, long Generation);

    private readonly record struct FileStamps(FileStamp? Set, FileStamp? Bundle)
    {
        public bool AreSettled => Set is not { IsSettled: false } && Bundle is not { IsSettled: false };
    }
}
