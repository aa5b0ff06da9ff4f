using System.Net;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Upstreams.Client;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>Whether a manifest of an upstream is here now.</summary>
/// <param name="Result">hit, miss, stale or failed, as <see cref="UpstreamMetrics"/> counts it.</param>
/// <param name="Failure">Why the copy may be out of date, or why there is none; null when all is well.</param>
internal sealed record ManifestPull(string Result, UpstreamFailure? Failure = null)
{
    public static readonly ManifestPull Hit = new("hit");
    public static readonly ManifestPull Miss = new("miss");

    /// <summary>Whether the repository has nothing to show.</summary>
    public bool IsNone => Result == "failed";
}

/// <summary>
/// Makes a manifest of an upstream be here: a digest once and for all, a tag as the upstream had it no longer ago than its
/// <c>check</c>. Of several who ask at once one asks the upstream. While the upstream fails, what is here goes on being served.
/// </summary>
internal sealed partial class ManifestPulls(
    IManifestStore manifests,
    ITagStore tags,
    UpstreamClients clients,
    LimitOptions limits,
    UpstreamMetrics metrics,
    TimeProvider clock,
    ILogger<ManifestPulls> log)
{
    private const int MaxTags = 100_000;
    private const int MaxMissing = 10_000;

    private static readonly TimeSpan LongestCheck = TimeSpan.FromDays(30);
    private static readonly TimeSpan RememberMissing = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StaleFor = TimeSpan.FromSeconds(10);
    private static readonly string Accept = string.Join(", ", MediaTypes.Manifests);

    private readonly TtlMap<(string Repository, string Tag), ManifestPull> checkedTags = new(MaxTags, LongestCheck, clock);
    private readonly TtlMap<(string Repository, string Reference), UpstreamFailure> missing = new(MaxMissing, RememberMissing, clock);
    private readonly Dictionary<(string Repository, string Reference), Task<ManifestPull>> flights = [];
    private readonly Lock gate = new();

    /// <summary>Sees to it that a manifest is here.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="reference">The tag or digest.</param>
    /// <param name="cancellationToken">Ends the wait, not the question.</param>
    public async ValueTask<ManifestPull> EnsureAsync(
        UpstreamRepository repository, Reference reference, CancellationToken cancellationToken)
    {
        var key = (repository.Local.Value, reference.Value);
        var local = await manifests.FindAsync(repository.Local, reference);
        if (local is not null)
        {
            if (reference.Tag is null) return ManifestPull.Hit;
            if (checkedTags.Find(key) is { } recent) return recent;
        }
        else if (missing.Find(key) is { } known)
        {
            return new ManifestPull("failed", known);
        }

        Task<ManifestPull> flight;
        lock (gate)
        {
            if (!flights.TryGetValue(key, out flight!)) flights[key] = flight = RunAsync(key, repository, reference, local);
        }

        return await flight.WaitAsync(cancellationToken);
    }

    private async Task<ManifestPull> RunAsync(
        (string, string) key, UpstreamRepository repository, Reference reference, ManifestRecord? local)
    {
        await Task.Yield(); // so that it is among the flights before it ends
        try
        {
            return await AskAsync(key, repository, reference, local);
        }
        finally
        {
            lock (gate) flights.Remove(key);
        }
    }

    private async Task<ManifestPull> AskAsync(
        (string, string) key, UpstreamRepository repository, Reference reference, ManifestRecord? local)
    {
        var check = repository.Upstream.Options.Check;
        try
        {
            var outcome = ManifestPull.Miss;
            if (local is null) await FetchAsync(repository, reference.Value, reference.Digest, reference.Tag);
            else if (await MovedAsync(repository, reference, local) is { } moved) await MoveAsync(repository, reference.Value, moved);
            else outcome = ManifestPull.Hit;
            if (reference.Tag is not null) checkedTags.Set(key, ManifestPull.Hit, check);
            return outcome;
        }
        catch (UpstreamException e)
        {
            if (e.Failure.Kind == FailureKind.Unusable)
            {
                LogRefused(log, repository.Upstream.Name, $"{repository.Local}:{reference}", e.Message);
            }

            return await FailedAsync(key, repository, reference, local, e.Failure);
        }
    }

    private async Task<ManifestPull> FailedAsync(
        (string, string) key, UpstreamRepository repository, Reference reference, ManifestRecord? local, UpstreamFailure failure)
    {
        var isGone = failure.Kind == FailureKind.NotFound;
        if (local is not null && (!isGone || repository.Upstream.Options.KeepWhenGone))
        {
            var stale = new ManifestPull("stale", failure);
            checkedTags.Set(key, stale, isGone ? repository.Upstream.Options.Check : failure.RetryAfter ?? StaleFor);
            return stale;
        }

        if (local is not null)
        {
            await tags.DeleteAsync(repository.Local, reference.Value, new Precondition(null, null), repository.Upstream.Account);
        }

        if (failure.Kind is FailureKind.NotFound or FailureKind.Refused or FailureKind.Unusable) missing.Set(key, failure);
        return new ManifestPull("failed", failure);
    }

    /// <summary>Where the upstream's tag points now, if elsewhere than the copy; by its tag where it does not say.</summary>
    private async Task<string?> MovedAsync(UpstreamRepository repository, Reference tag, ManifestRecord local)
    {
        using var limit = new CancellationTokenSource(UpstreamClient.Patience);
        using var answer = await clients.Of(repository.Upstream).SendAsync(
            HttpMethod.Head,
            repository.Remote.Value,
            $"manifests/{tag}",
            headers =>
            {
                headers.TryAddWithoutValidation("Accept", Accept);
                headers.TryAddWithoutValidation("If-None-Match", $"\"{local.Digest}\"");
            },
            limit.Token);
        if (answer.StatusCode == HttpStatusCode.NotModified) return null;
        var digest = DigestOf(answer);
        return digest is null ? tag.Value : digest == local.Digest ? null : digest.Value.Value;
    }

    /// <summary>Points the tag where the upstream's points: at a manifest that is here, or that is fetched.</summary>
    private async Task MoveAsync(UpstreamRepository repository, string tag, string target)
    {
        if (!Reference.TryParse(target, out var reference)) throw new UpstreamException(FailureKind.Unusable, "it names no digest");
        if (reference.Digest is not null && await manifests.FindAsync(repository.Local, reference) is { } here)
        {
            await StoreAsync(repository, here, tag);
        }
        else
        {
            await FetchAsync(repository, target, reference.Digest, tag);
        }
    }

    private async Task FetchAsync(UpstreamRepository repository, string reference, Digest? expected, string? tag)
    {
        using var limit = new CancellationTokenSource(UpstreamClient.Patience);
        try
        {
            using var answer = await clients.Of(repository.Upstream).SendAsync(
                HttpMethod.Get,
                repository.Remote.Value,
                $"manifests/{reference}",
                headers => headers.TryAddWithoutValidation("Accept", Accept),
                limit.Token);
            var bytes = await UpstreamHttp.ReadAsync(answer, limits.ManifestSize.Bytes, limit.Token);
            metrics.Received(repository.Upstream.Name, bytes.Length);
            var named = expected ?? DigestOf(answer);
            var actual = Digest.Compute(named?.Algorithm ?? System.Security.Cryptography.HashAlgorithmName.SHA256, bytes);
            if (named is not null && actual != named)
            {
                throw new UpstreamException(FailureKind.Unusable, $"what it sent as {named} has the digest {actual}");
            }

            var type = answer.Content.Headers.ContentType?.MediaType;
            await StoreAsync(repository, new ManifestRecord(actual, type ?? "", bytes), tag);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            throw new UpstreamException(FailureKind.Unavailable, "it did not send the whole manifest in time");
        }
    }

    private async Task StoreAsync(UpstreamRepository repository, ManifestRecord record, string? tag)
    {
        if (!ManifestContent.TryRead(
            record.Digest, record.Bytes, record.MediaType, limits.ManifestReferences, out var manifest, out var error))
        {
            throw new UpstreamException(FailureKind.Unusable, $"its manifest {record.Digest} is not acceptable: {error.Message}");
        }

        var outcome = await manifests.PutAsync(
            repository.Local, manifest, tag is null ? [] : [tag], new Precondition(null, null), repository.Upstream.Account);
        if (outcome is not PutOutcome.Stored)
        {
            throw new UpstreamException(FailureKind.Unusable, $"its manifest {record.Digest} cannot be stored: {outcome.GetType().Name}");
        }
    }

    private static Digest? DigestOf(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest)
            ? digest
            : null;

    [LoggerMessage(
        EventId = LogEvents.UpstreamContentRefused, EventName = nameof(LogEvents.UpstreamContentRefused), Level = LogLevel.Warning,
        Message = "What the upstream {Upstream} sent for {Manifest} cannot be used: {Reason}")]
    private static partial void LogRefused(ILogger log, string upstream, string manifest, string reason);
}
