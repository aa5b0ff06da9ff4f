using System.Data.Common;
using System.Net;
using System.Net.Http.Headers;
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
        var local = await manifests.FindToKeepAsync(repository.Local, reference); // so that it is not collected before it is sent
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
            if (e.Failure.Kind is FailureKind.Unusable or FailureKind.Refused)
            {
                LogRefused(log, repository.Upstream.Name, $"{repository.Local}:{reference}", e.Message);
            }

            return await FailedAsync(key, repository, reference, local, e.Failure);
        }
        catch (Exception e) when (local is not null && e is IOException or UnauthorizedAccessException or DbException)
        {
            LogRefused(log, repository.Upstream.Name, $"{repository.Local}:{reference}", $"it cannot be stored: {e.Message}");
            return await FailedAsync(
                key, repository, reference, local, new UpstreamFailure(FailureKind.Unavailable, "what it has now cannot be stored here"));
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
        using var answer = await clients.Of(repository.Upstream).SendAsync(
            HttpMethod.Head,
            repository.Remote.Value,
            $"manifests/{tag}",
            headers =>
            {
                headers.TryAddWithoutValidation("Accept", Accept);
                headers.TryAddWithoutValidation("If-None-Match", $"\"{local.Digest}\"");
            },
            CancellationToken.None);
        if (answer.StatusCode == HttpStatusCode.NotModified) return null;
        var digest = DigestOf(answer.Headers);
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
            try
            {
                await FetchAsync(repository, target, reference.Digest, tag);
            }
            catch (UpstreamException e) when (e.Failure.Kind == FailureKind.NotFound && reference.Digest is not null)
            {
                // The tag is there: that its manifest is not is no reason to delete the tag here.
                throw new UpstreamException(FailureKind.Unusable, $"its tag points at {target}, which it does not have");
            }
        }
    }

    private Task<Digest> FetchAsync(UpstreamRepository repository, string reference, Digest? expected, string? tag) =>
        clients.Of(repository.Upstream).ReadAsync(
            repository.Remote.Value,
            $"manifests/{reference}",
            headers => headers.TryAddWithoutValidation("Accept", Accept),
            limits.ManifestSize.Bytes,
            answer => TakeAsync(repository, answer, expected, tag),
            CancellationToken.None);

    private async Task<Digest> TakeAsync(UpstreamRepository repository, UpstreamAnswer answer, Digest? expected, string? tag)
    {
        metrics.Received(repository.Upstream.Name, answer.Bytes.Length);
        var named = expected ?? DigestOf(answer.Headers);
        var actual = Digest.Compute(named?.Algorithm ?? System.Security.Cryptography.HashAlgorithmName.SHA256, answer.Bytes);
        if (named is not null && actual != named)
        {
            throw new UpstreamException(FailureKind.Unusable, $"what it sent as {named} has the digest {actual}");
        }

        await StoreAsync(repository, new ManifestRecord(actual, answer.MediaType ?? "", answer.Bytes), tag);
        return actual;
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

    private static Digest? DigestOf(HttpResponseHeaders headers) =>
        headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest)
            ? digest
            : null;

    [LoggerMessage(
        EventId = LogEvents.UpstreamContentRefused, EventName = nameof(LogEvents.UpstreamContentRefused), Level = LogLevel.Warning,
        Message = "Cannot take {Manifest} from the upstream {Upstream}: {Reason}")]
    private static partial void LogRefused(ILogger log, string upstream, string manifest, string reason);
}
