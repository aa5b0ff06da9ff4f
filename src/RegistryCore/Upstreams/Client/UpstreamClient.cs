using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>
/// Asks one upstream: with its tokens, along its redirects, and not while it has just failed again and again. An answer is a success; all
/// else is an <see cref="UpstreamException"/>.
/// </summary>
internal sealed partial class UpstreamClient : IDisposable
{
    /// <summary>How long it may take to begin an answer, and to send a manifest or a token.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private const int MaxRedirects = 5;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly Upstream upstream;
    private readonly HttpClient http;
    private readonly UpstreamTokens tokens;
    private readonly CircuitBreaker breaker;
    private readonly TimeProvider clock;
    private readonly ILogger<UpstreamClient> log;
    private long pausedUntil; // UTC ticks

    public UpstreamClient(Upstream upstream, TimeProvider clock, ILogger<UpstreamClient> log)
    {
        (this.upstream, this.clock, this.log) = (upstream, clock, log);
        http = UpstreamHttp.Create(upstream.Options, upstream.Url);
        tokens = new UpstreamTokens(
            upstream.Url, upstream.Options.RealmHosts, new UpstreamCredential(upstream.Options, upstream.Url), http, clock);
        breaker = new CircuitBreaker(Pause, clock);
    }

    /// <summary>What the upstream said last of its rate limit: <c>ratelimit-remaining</c>; null when it says nothing.</summary>
    public string? RateLimitRemaining { get; private set; }

    /// <summary>Why it is not asked at the moment; null when it is.</summary>
    public string? Failure => breaker.Failure;

    /// <summary>Asks for a path below a repository; the answer is a success, its body not yet read.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="repository">The repository, by its name there.</param>
    /// <param name="tail">What follows its name, a query included.</param>
    /// <param name="prepare">Adds headers; null for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="UpstreamException">It gives nothing.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string repository, string tail, Action<HttpRequestHeaders>? prepare, CancellationToken cancellationToken)
    {
        // Rate limits count manifests, not blobs: an image whose manifests are here can still be completed.
        var isLimited = tail.StartsWith("manifests/", StringComparison.Ordinal);
        if (isLimited && clock.GetUtcNow().Ticks is var now && Interlocked.Read(ref pausedUntil) is var until && now < until)
        {
            throw new UpstreamException(new UpstreamFailure(
                FailureKind.TooMany, "it asked to be left alone for a while", TimeSpan.FromTicks(until - now)));
        }

        if (!breaker.TryEnter())
        {
            throw new UpstreamException(new UpstreamFailure(
                FailureKind.Unavailable, $"it failed several times: {breaker.Failure}", breaker.Remaining));
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var answer = await AuthorizedAsync(
                method, repository, new Uri(upstream.Url, $"/v2/{repository}/{tail}"), prepare, limit.Token);
            answer = Judge(answer, isLimited);
            if (breaker.Succeeded()) LogRecovered(log, upstream.Name);
            return answer;
        }
        catch (UpstreamException e)
        {
            if (e.Failure.Kind != FailureKind.Unavailable) breaker.Succeeded();
            else Failed(e.Message);
            throw;
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            var reason = e is OperationCanceledException ? "it did not answer in time" : Reason(e);
            Failed(reason);
            throw new UpstreamException(FailureKind.Unavailable, reason);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

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
            var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308)) return answer;
            using (answer)
            {
                if (redirects == MaxRedirects) throw new UpstreamException(FailureKind.Unusable, "it redirects too often");
                target = answer.Headers.Location is { } location
                    ? new Uri(target, location)
                    : throw new UpstreamException(FailureKind.Unusable, "it redirects to nowhere");
                RequireSafe(target);
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

    private HttpResponseMessage Judge(HttpResponseMessage answer, bool isLimited)
    {
        if (answer.Headers.TryGetValues("ratelimit-remaining", out var remaining))
        {
            RateLimitRemaining = string.Concat(string.Join(',', remaining).Where(c => c is > ' ' and <= '~').Take(40));
        }

        var status = (int)answer.StatusCode;
        if (status is 200 or 206 or 304) return answer;
        using (answer)
        {
            var wait = RetryAfter(answer);
            if (status == 429 || (status == 503 && wait is not null))
            {
                if (isLimited) Interlocked.Exchange(ref pausedUntil, (clock.GetUtcNow() + (wait ?? Pause)).UtcTicks);
                throw new UpstreamException(new UpstreamFailure(
                    status == 429 ? FailureKind.TooMany : FailureKind.Unavailable, $"it answered {status}", wait ?? Pause));
            }

            throw new UpstreamException(new UpstreamFailure(
                status switch
                {
                    404 or 410 => FailureKind.NotFound,
                    401 or 403 => FailureKind.Refused,
                    >= 500 => FailureKind.Unavailable,
                    _ => FailureKind.Unusable,
                },
                string.Create(CultureInfo.InvariantCulture, $"it answered {status}"),
                wait));
        }
    }

    private TimeSpan? RetryAfter(HttpResponseMessage answer)
    {
        if (answer.Headers.RetryAfter is not { } header) return null;
        var wait = header.Delta ?? (header.Date is { } date ? date - clock.GetUtcNow() : Pause);
        return wait <= TimeSpan.Zero ? TimeSpan.FromSeconds(1) : wait > LongestPause ? LongestPause : wait;
    }

    private void Failed(string reason)
    {
        if (breaker.Failed(reason)) LogFailed(log, upstream.Name, reason);
    }

    /// <summary>The innermost message: the outer ones say no more than that a request failed.</summary>
    private static string Reason(Exception e)
    {
        while (e.InnerException is { } inner) e = inner;
        return e.Message;
    }

    [LoggerMessage(
        EventId = LogEvents.UpstreamFailed, EventName = nameof(LogEvents.UpstreamFailed), Level = LogLevel.Warning,
        Message = "The upstream {Upstream} fails and is left alone for a while; serving the copies that are here: {Reason}")]
    private static partial void LogFailed(ILogger log, string upstream, string reason);

    [LoggerMessage(
        EventId = LogEvents.UpstreamRecovered, EventName = nameof(LogEvents.UpstreamRecovered), Level = LogLevel.Information,
        Message = "The upstream {Upstream} answers again")]
    private static partial void LogRecovered(ILogger log, string upstream);
}
