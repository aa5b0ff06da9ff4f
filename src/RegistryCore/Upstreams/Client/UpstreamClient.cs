using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>An answer that has been read.</summary>
/// <param name="Bytes">Its body.</param>
/// <param name="Headers">Its headers.</param>
/// <param name="MediaType">What the body is; null when it does not say.</param>
internal sealed record UpstreamAnswer(byte[] Bytes, HttpResponseHeaders Headers, string? MediaType);

/// <summary>
/// Asks one upstream: with its tokens, along its redirects, and not while it has just failed again and again. An answer is a success; all
/// else is an <see cref="UpstreamException"/>.
/// </summary>
internal sealed partial class UpstreamClient : IDisposable
{
    /// <summary>How long it may take to begin an answer, and to send a manifest or a token.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private const int MaxRedirects = 5;

    // How many answers are in memory at once: each may be as large as a manifest.
    private const int MaxReads = 32;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private readonly Upstream upstream;
    private readonly HttpClient http;
    private readonly UpstreamTokens tokens;
    private readonly CircuitBreaker breaker;
    private readonly SemaphoreSlim reads = new(MaxReads);
    private readonly TimeProvider clock;
    private readonly ILogger<UpstreamClient> log;
    private long pausedUntil; // UTC ticks

    public UpstreamClient(Upstream upstream, TimeProvider clock, ILogger<UpstreamClient> log)
    {
        (this.upstream, this.clock, this.log) = (upstream, clock, log);
        http = UpstreamHttp.Create(upstream.Options, upstream.Url);
        tokens = new UpstreamTokens(
            upstream.Url, upstream.Options.RealmHosts, new UpstreamCredential(upstream.Options, upstream.Url, clock), http, clock);
        breaker = new CircuitBreaker(Pause, clock);
    }

    /// <summary>What the upstream said last of its rate limit; null when it says nothing.</summary>
    public RateLimit? RateLimit { get; private set; }

    /// <summary>Why it is not asked at the moment; null when it is.</summary>
    public string? Failure => breaker.Failure;

    /// <summary>Until when it is not asked for manifests, as it wishes; null when it is.</summary>
    public DateTimeOffset? PausedUntil =>
        Interlocked.Read(ref pausedUntil) is var ticks && ticks > clock.GetUtcNow().Ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>Asks for a path below a repository; the answer is a success, its body not yet read.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="repository">The repository, by its name there.</param>
    /// <param name="tail">What follows its name, a query included.</param>
    /// <param name="prepare">Adds headers; null for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="UpstreamException">It gives nothing.</exception>
    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string repository, string tail, Action<HttpRequestHeaders>? prepare, CancellationToken cancellationToken) =>
        RunAsync(method, repository, tail, prepare, (answer, _) => Task.FromResult(answer), cancellationToken);

    /// <summary>
    /// Asks for a path below a repository, and reads all of the answer. So many are read and used at once; who has to wait long for a turn
    /// is told to come again.
    /// </summary>
    /// <param name="repository">The repository, by its name there.</param>
    /// <param name="tail">What follows its name, a query included.</param>
    /// <param name="prepare">Adds headers; null for none.</param>
    /// <param name="limit">The most bytes.</param>
    /// <param name="use">What is done with the answer; it should not be kept longer.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="UpstreamException">It gives nothing, or not all of it in time.</exception>
    public async Task<T> ReadAsync<T>(
        string repository, string tail, Action<HttpRequestHeaders>? prepare, long limit, Func<UpstreamAnswer, Task<T>> use,
        CancellationToken cancellationToken)
    {
        if (!await reads.WaitAsync(LongestWait, cancellationToken))
        {
            throw new UpstreamException(new UpstreamFailure(
                FailureKind.Unavailable, "too much is being read from it at once", TimeSpan.FromSeconds(1)));
        }

        try
        {
            return await use(await RunAsync(
                HttpMethod.Get,
                repository,
                tail,
                prepare,
                async (answer, patience) =>
                {
                    using (answer)
                    {
                        var bytes = await UpstreamHttp.ReadAsync(answer, limit, patience);
                        return new UpstreamAnswer(bytes, answer.Headers, answer.Content.Headers.ContentType?.MediaType);
                    }
                },
                cancellationToken));
        }
        finally
        {
            reads.Release();
        }
    }

    /// <summary>Tells the breaker how it went when all of it is done: the headers of an answer that breaks off are no success.</summary>
    private async Task<T> RunAsync<T>(
        HttpMethod method, string repository, string tail, Action<HttpRequestHeaders>? prepare,
        Func<HttpResponseMessage, CancellationToken, Task<T>> finish, CancellationToken cancellationToken)
    {
        // Rate limits count manifests, not blobs: an image whose manifests are here can still be completed.
        var isLimited = tail.StartsWith("manifests/", StringComparison.Ordinal);
        if (isLimited && PausedUntil is { } until)
        {
            throw new UpstreamException(new UpstreamFailure(
                FailureKind.TooMany, "it allows no more requests for now", until - clock.GetUtcNow()));
        }

        if (!breaker.TryEnter())
        {
            throw new UpstreamException(new UpstreamFailure(
                FailureKind.Unavailable, "it failed several times", breaker.Remaining), $"it failed several times: {breaker.Failure}");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var answer = Judge(await AuthorizedAsync(
                method, repository, new Uri(upstream.Url, $"/v2/{repository}/{tail}"), prepare, limit.Token));
            limit.CancelAfter(Patience);
            var result = await finish(answer, limit.Token);
            if (breaker.Succeeded()) LogRecovered(log, upstream.Name);
            return result;
        }
        catch (UpstreamException e)
        {
            if (e.Failure.IsOutage) Failed(e.Message);
            else if (e.Failure.Kind != FailureKind.Unavailable) breaker.Succeeded();
            if (isLimited && (e.Failure.Kind == FailureKind.TooMany || e.Failure is { IsOutage: true, RetryAfter: not null }))
            {
                Interlocked.Exchange(ref pausedUntil, (clock.GetUtcNow() + (e.Failure.RetryAfter ?? Pause)).UtcTicks);
            }

            throw;
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            var reason = UpstreamHttp.Reason(e);
            Failed(reason);
            throw Broken(e, "it", isOutage: true);
        }
    }

    /// <summary>Where it has failed: asks whether it answers again, since perhaps nobody pulls and finds out.</summary>
    public async Task ProbeAsync(CancellationToken cancellationToken)
    {
        if (Failure is null || !breaker.TryEnter()) return;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using var answer = await FollowAsync(HttpMethod.Get, new Uri(upstream.Url, "/v2/"), null, null, limit.Token);
            if ((int)answer.StatusCode is var status and (502 or 503 or 504)) Failed($"it answered {status}");
            else if (breaker.Succeeded()) LogRecovered(log, upstream.Name);
        }
        catch (Exception e) when (e is UpstreamException or HttpRequestException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Failed(UpstreamHttp.Reason(e));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        http.Dispose();
        reads.Dispose();
    }

    private async Task<HttpResponseMessage> AuthorizedAsync(
        HttpMethod method, string repository, Uri target, Action<HttpRequestHeaders>? prepare, CancellationToken cancellationToken)
    {
        var shown = tokens.Known(repository);
        for (var attempt = 0; ; attempt++)
        {
            var answer = await FollowAsync(method, target, shown, prepare, cancellationToken);
            if (answer.StatusCode != HttpStatusCode.Unauthorized || attempt > 0) return answer;
            using (answer)
            {
                var challenge = answer.Headers.TryGetValues("WWW-Authenticate", out var values)
                    ? values.Select(UpstreamChallenge.Parse).FirstOrDefault(c => c is not null)
                    : null;
                if (challenge is null) throw new UpstreamException(FailureKind.Refused, "it answered 401 without saying what it wants");
                shown = await tokens.GetAsync(repository, challenge, shown, cancellationToken);
            }
        }
    }

    /// <summary>Sends the request along redirects; whatever it authorizes with goes to the upstream's own host and port alone.</summary>
    private async Task<HttpResponseMessage> FollowAsync(
        HttpMethod method, Uri target, AuthenticationHeaderValue? authorization, Action<HttpRequestHeaders>? prepare,
        CancellationToken cancellationToken)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(method, target);
            prepare?.Invoke(request.Headers);
            if (IsHome(target)) request.Headers.Authorization = authorization;
            HttpResponseMessage answer;
            try
            {
                answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            }
            catch (Exception e) when (!IsHome(target) && e is HttpRequestException or IOException or OperationCanceledException)
            {
                throw Broken(e, "the host to which it redirects", isOutage: false);
            }

            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308)) return answer;
            using (answer)
            {
                if (redirects == MaxRedirects) throw new UpstreamException(FailureKind.Unusable, "it redirects too often");
                if (answer.Headers.Location is not { } location || !Uri.TryCreate(target, location, out var next))
                {
                    throw new UpstreamException(FailureKind.Unusable, "it redirects to nowhere");
                }

                RequireSafe(target = next);
            }
        }
    }

    private bool IsHome(Uri target) => target.Scheme == upstream.Url.Scheme && target.Port == upstream.Url.Port
        && string.Equals(target.Host, upstream.Url.Host, StringComparison.OrdinalIgnoreCase);

    private void RequireSafe(Uri target)
    {
        if (target.Scheme != Uri.UriSchemeHttps && !(target.Scheme == Uri.UriSchemeHttp && upstream.Url.IsLoopback && target.IsLoopback))
        {
            throw new UpstreamException(FailureKind.Unusable, "it redirects away from https");
        }

        // A proxy would connect for us, so an address is judged here too.
        var home = IPAddress.TryParse(upstream.Url.Host.Trim('[', ']'), out var own) ? AddressGuard.ReachOf(own) : Reach.World;
        if (!IsHome(target) && upstream.Options.Proxy is not null
            && IPAddress.TryParse(target.Host.Trim('[', ']'), out var address)
            && !AddressGuard.MayReach(AddressGuard.ReachOf(address), home))
        {
            throw new UpstreamException(FailureKind.Unusable, "it redirects to a private address");
        }
    }

    private HttpResponseMessage Judge(HttpResponseMessage answer)
    {
        RateLimit = RateLimit.Read(answer.Headers) ?? RateLimit;
        var status = (int)answer.StatusCode;
        if (status is 200 or 206 or 304) return answer;
        using (answer)
        {
            var wait = UpstreamHttp.RetryAfter(answer, clock);
            throw new UpstreamException(new UpstreamFailure(
                status switch
                {
                    404 or 410 => FailureKind.NotFound,
                    429 => FailureKind.TooMany,
                    401 or 403 => FailureKind.Refused,
                    >= 500 => FailureKind.Unavailable,
                    _ => FailureKind.Unusable,
                },
                string.Create(CultureInfo.InvariantCulture, $"it answered {status}"),
                status == 429 ? wait ?? Pause : wait)
            {
                IsOutage = status is 502 or 503 or 504 && answer.RequestMessage?.RequestUri is { } asked && IsHome(asked),
            });
        }
    }

    private static UpstreamException Broken(Exception e, string who, bool isOutage)
    {
        var reason = UpstreamHttp.Reason(e);
        return new UpstreamException(
            new UpstreamFailure(FailureKind.Unavailable, $"{who} {UpstreamHttp.ShortReason(e)}") { IsOutage = isOutage },
            $"{who}: {reason}");
    }

    private void Failed(string reason)
    {
        if (breaker.Failed(reason)) LogFailed(log, upstream.Name, reason);
    }

    [LoggerMessage(
        EventId = LogEvents.UpstreamFailed, EventName = nameof(LogEvents.UpstreamFailed), Level = LogLevel.Warning,
        Message = "The upstream {Upstream} fails and is not asked for a while; serving the copies that are here: {Reason}")]
    private static partial void LogFailed(ILogger log, string upstream, string reason);

    [LoggerMessage(
        EventId = LogEvents.UpstreamRecovered, EventName = nameof(LogEvents.UpstreamRecovered), Level = LogLevel.Information,
        Message = "The upstream {Upstream} answers again")]
    private static partial void LogRecovered(ILogger log, string upstream);
}
