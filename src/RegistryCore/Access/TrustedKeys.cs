using System.Collections.Frozen;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The public keys whose signatures are believed, by <c>kid</c> (RFC 7517). Fetched from the token server, again every few
/// minutes and, at a bounded rate, when a token names a key not seen yet. The last good set is kept on disk, so that pulls go on
/// while the token server is away, also over a restart.
/// </summary>
internal sealed partial class TrustedKeys : BackgroundService
{
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(10);

    private readonly Uri? url;
    private readonly string file;
    private readonly HttpClient http;
    private readonly TimeProvider clock;
    private readonly ILogger<TrustedKeys> log;
    private readonly SemaphoreSlim refreshing = new(1, 1);
    private volatile FrozenDictionary<string, SecurityKey> keys = FrozenDictionary<string, SecurityKey>.Empty;
    private readonly Lock asking = new();
    private Task<bool> asked = Task.FromResult(true);
    private long? askedAt;
    private bool failing;

    public TrustedKeys(RegistryOptions options, HttpClient http, TimeProvider clock, ILogger<TrustedKeys> log)
    {
        var link = options.TokenServer;
        url = link.KeysFile is null ? link.KeysUrl ?? link.At("/.well-known/jwks.json") : null;
        file = link.KeysFile ?? Path.Combine(options.Root, "trusted-keys.json");
        this.http = http;
        this.clock = clock;
        this.log = log;
        if (File.Exists(file)) keys = ReadLastGood(link.KeysFile is not null);
    }

    /// <summary>Whether any key is known.</summary>
    public bool Any => keys.Count > 0;

    /// <summary>The key of that name, or null; may ask the token server when the name is new.</summary>
    public async ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (keys.TryGetValue(keyId, out var known)) return known;

        await AskOnce().WaitAsync(cancellationToken);
        return keys.GetValueOrDefault(keyId);
    }

    /// <summary>Reads the keys anew; on failure the last good set stays in force. True when the keys are fresh.</summary>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        await refreshing.WaitAsync(cancellationToken);
        try
        {
            var bytes = url is null ? await File.ReadAllBytesAsync(file, cancellationToken) : await http.GetByteArrayAsync(url, cancellationToken);
            var fresh = KeySet.Parse(bytes);
            if (fresh.Count == 0) throw new FormatException("the key set holds no usable signing key");
            if (url is not null && !fresh.Keys.Order(StringComparer.Ordinal).SequenceEqual(keys.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal))
            {
                DurableFile.Replace(file, bytes);
                LogKeys(log, fresh.Count, url.AbsoluteUri);
            }

            keys = fresh;
            failing = false;
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or FormatException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (!failing) LogFailure(log, url?.AbsoluteUri ?? file, e.Message, keys.Count);
            failing = true;
            return false;
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
        while (!stoppingToken.IsCancellationRequested)
        {
            var fresh = await RefreshAsync(stoppingToken);
            await Task.Delay(fresh ? RefreshEvery : RetryEvery, clock, stoppingToken);
        }
    }

    /// <summary>
    /// The question to the token server about keys not seen yet: one for all requests that come while it runs, and no other for a
    /// while. It is nobody's own, so that a client that hangs up does not end it; the HTTP client's time-out does.
    /// </summary>
    private Task<bool> AskOnce()
    {
        lock (asking)
        {
            var now = clock.GetTimestamp();
            if (asked.IsCompleted && (askedAt is not { } last || clock.GetElapsedTime(last, now) >= UnknownKeyPause))
            {
                askedAt = now;
                asked = RefreshAsync(CancellationToken.None);
            }

            return asked;
        }
    }

    private FrozenDictionary<string, SecurityKey> ReadLastGood(bool configured)
    {
        try
        {
            return KeySet.Parse(File.ReadAllBytes(file));
        }
        catch (FormatException e)
        {
            // The copy of a fetched set is replaced by the next fetch; a file that the operator names must be right.
            if (configured) throw new OperatorException($"registry.tokenServer.keysFile: {file} is {e.Message}", e);
            LogFailure(log, file, e.Message, 0);
            return FrozenDictionary<string, SecurityKey>.Empty;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Trusting {Count} signing keys from {Source}")]
    private static partial void LogKeys(ILogger log, int count, string source);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The signing keys could not be read from {Source} ({Reason}); going on with the {Count} known ones and trying again")]
    private static partial void LogFailure(ILogger log, string source, string reason, int count);
}
