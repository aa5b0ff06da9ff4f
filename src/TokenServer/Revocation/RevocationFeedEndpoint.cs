using System.Globalization;
using System.Text.Json;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>
/// GET <c>/index/v1/revocations?after=SEQUENCE&amp;epoch=EPOCH&amp;wait=SECONDS</c>: registries follow here what is revoked. Answers at
/// once when there is something after the sequence, otherwise as soon as there is, or when the wait is over. A registry that waits
/// costs a connection and nothing else.
/// </summary>
internal sealed class RevocationFeedEndpoint(
    IRevocationStore revocations, RevocationWatch watch, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>The path that registries poll.</summary>
    public const string Path = ServerPaths.Revocations;

    /// <summary>The most revocations in one answer.</summary>
    public const int PageSize = 1000;

    // Proxies commonly end a connection that is silent for a minute.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(55);

    private int waiting;

    /// <summary>How many registries wait for an answer now.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Answers a registry; which one does not matter, since all are told the same.</summary>
    public async Task<Answer> AnswerAsync(RouteRequest request, RegistryService service)
    {
        var query = request.Http.Query;
        if (Number(query[RevocationQuery.AfterParameter]) is not { } after
            || Number(query[RevocationQuery.WaitParameter]) is not { } seconds)
        {
            return ErrorAnswer.InvalidRequest("after and wait are whole numbers of 0 or more");
        }

        // Numbers of another epoch mean nothing here, and who has them must hear so at once.
        var isOtherEpoch = query.TryGetValue(RevocationQuery.EpochParameter, out var epoch) && epoch != watch.Epoch;
        if (isOtherEpoch) after = 0;
        var next = watch.Next;
        var page = await revocations.AfterAsync(after, PageSize);
        if (page.Sequence == after && !isOtherEpoch && seconds > 0)
        {
            await WaitAsync(next, TimeSpan.FromSeconds(Math.Min(seconds, LongestWait.TotalSeconds)), request.Aborted);
            page = await revocations.AfterAsync(after, PageSize);
        }

        return JsonAnswer.Ok(Body(page));
    }

    /// <summary>Waits; a server that is told to stop does not.</summary>
    private async Task WaitAsync(Task next, TimeSpan wait, CancellationToken hungUp)
    {
        Interlocked.Increment(ref waiting);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(hungUp, lifetime.ApplicationStopping);
        try
        {
            await next.WaitAsync(wait, time, ended.Token);
        }
        catch (TimeoutException)
        {
            // Nothing came.
        }
        catch (OperationCanceledException) when (!hungUp.IsCancellationRequested)
        {
            // The server stops: the registry comes back to the next one.
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    private static long? Number(string? text)
    {
        if (string.IsNullOrEmpty(text)) return 0;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    private byte[] Body(RevocationPage page) => JsonSerializer.SerializeToUtf8Bytes(
        new RevocationFeed(watch.Epoch, page.Sequence, page.Items, page.More), WireJson.Answers.RevocationFeed);
}
