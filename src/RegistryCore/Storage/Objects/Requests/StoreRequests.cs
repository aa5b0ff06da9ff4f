using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using AuthIndex.Hosting.Keys;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>One attempt of a request.</summary>
/// <param name="limit">Ends it when the store has been silent for too long.</param>
/// <param name="silence">For how long.</param>
internal sealed class Attempt(CancellationTokenSource limit, TimeSpan silence)
{
    /// <summary>Ends it.</summary>
    public CancellationToken Token { get; } = limit.Token;

    /// <summary>Says that the store has taken some content.</summary>
    public void Progress()
    {
        try
        {
            limit.CancelAfter(silence);
        }
        catch (ObjectDisposedException)
        {
            // The attempt is over, and its connection has not noticed yet.
        }
    }
}

/// <summary>
/// Runs the requests to the object store: within time limits, and a few times where that may do better. When one goes on failing, the store
/// is asked something else: if it answers, the fault is the object's or the request's, and nobody else has to know of it; if not, that is
/// the store's <see cref="Problem"/>.
/// </summary>
internal sealed class StoreRequests
{
    private const int MaxRetries = 3;

    private readonly ObjectStoreTiming timing;
    private readonly TimeProvider clock;
    private readonly StoreErrors errors;
    private readonly Func<Attempt, Task> probe;
    private readonly SingleFlight probing;
    private volatile string? problem;

    /// <summary>Nothing is asked yet.</summary>
    /// <param name="timing">How long to wait.</param>
    /// <param name="clock">The clock by which to wait.</param>
    /// <param name="errors">Tells what errors mean.</param>
    /// <param name="probe">Asks something that any store that works answers.</param>
    public StoreRequests(ObjectStoreTiming timing, TimeProvider clock, StoreErrors errors, Func<Attempt, Task> probe)
    {
        (this.timing, this.clock, this.errors, this.probe) = (timing, clock, errors, probe);
        probing = new SingleFlight(TryProbeAsync, TimeSpan.Zero, clock);
    }

    /// <summary>How long the store may be silent while it sends content.</summary>
    public TimeSpan Silence => timing.Silence;

    /// <summary>Why the store does not do what it is asked; null when it did last. Names no host and no account.</summary>
    public string? Problem => problem;

    /// <summary>Asks the store whether it answers, so that <see cref="Problem"/> is as of now.</summary>
    /// <exception cref="ObjectStoreException">It does not, or refuses.</exception>
    public Task ProbeAsync(CancellationToken cancellationToken) =>
        RunAsync(Answering(probe), timing.Probe, what: "", isProbe: true, cancellationToken);

    /// <summary>Runs a request that moves no content, or begins to read some.</summary>
    /// <param name="request">Asks once.</param>
    /// <param name="cancellationToken">Ends it when whoever asked has left.</param>
    /// <param name="what">What is asked, for the log.</param>
    /// <exception cref="ObjectStoreException">The store is not available, or does not do this.</exception>
    public Task<T> AskAsync<T>(
        Func<Attempt, Task<T>> request, CancellationToken cancellationToken, [CallerMemberName] string what = "") =>
        RunAsync(request, timing.Small, what, isProbe: false, cancellationToken);

    /// <inheritdoc cref="AskAsync{T}"/>
    public Task AskAsync(Func<Attempt, Task> request, CancellationToken cancellationToken, [CallerMemberName] string what = "") =>
        AskAsync(Answering(request), cancellationToken, what);

    /// <summary>Runs a request that writes content.</summary>
    /// <param name="request">Asks once.</param>
    /// <param name="size">How many bytes.</param>
    /// <param name="cancellationToken">Ends it when whoever asked has left.</param>
    /// <param name="what">What is asked, for the log.</param>
    /// <exception cref="ObjectStoreException">The store is not available, or does not do this.</exception>
    public Task<T> SendAsync<T>(
        Func<Attempt, Task<T>> request, long size, CancellationToken cancellationToken, [CallerMemberName] string what = "") =>
        RunAsync(request, timing.Content(size), what, isProbe: false, cancellationToken);

    /// <inheritdoc cref="SendAsync{T}"/>
    public Task SendAsync(
        Func<Attempt, Task> request, long size, CancellationToken cancellationToken, [CallerMemberName] string what = "") =>
        SendAsync(Answering(request), size, cancellationToken, what);

    /// <summary>Runs a request that puts parts together.</summary>
    /// <param name="request">Asks once.</param>
    /// <param name="cancellationToken">Ends it when whoever asked has left.</param>
    /// <param name="what">What is asked, for the log.</param>
    /// <exception cref="ObjectStoreException">The store is not available, or does not do this.</exception>
    public Task CompleteAsync(Func<Attempt, Task> request, CancellationToken cancellationToken, [CallerMemberName] string what = "") =>
        RunAsync(Answering(request), timing.Completion, what, isProbe: false, cancellationToken);

    /// <summary>What to throw after a request has failed for good: asks the store whether it answers.</summary>
    /// <param name="what">What was asked.</param>
    /// <param name="cause">How it failed.</param>
    /// <param name="cancellationToken">Ends the wait for the answer.</param>
    public async Task<ObjectStoreException> FailureAsync(string what, Exception? cause, CancellationToken cancellationToken)
    {
        if (problem is null) await probing.AskAsync().WaitAsync(cancellationToken);
        return problem is { } outage ? Outage(what, cause, outage)
            : cause is not null && errors.IsLostUpload(cause) ? new UploadRefusedException(errors.Reason(cause), cause)
            : new ObjectStoreException(
                $"the object store does not do one thing although it answers: {what}: {errors.Message(cause)}", cause);
    }

    private async Task<T> RunAsync<T>(
        Func<Attempt, Task<T>> request, TimeLimits limits, string what, bool isProbe, CancellationToken cancellationToken)
    {
        using var total = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        total.CancelAfter(limits.Total);
        Exception? before = null;
        for (var retries = 0; ; retries++)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(total.Token);
            try
            {
                if (retries > 0) await Task.Delay(Pause(retries), clock, total.Token);
                limit.CancelAfter(limits.Silence);
                var answer = await request(new Attempt(limit, limits.Silence));
                problem = null;
                return answer;
            }
            catch (Exception e) when (errors.IsFailure(e, cancellationToken))
            {
                before = e is OperationCanceledException && before is not null ? before : e; // rather than that there was no time left
            }

            var isOver = retries == MaxRetries || total.IsCancellationRequested || errors.IsRefusal(before);
            if (isProbe)
            {
                if (!isOver) continue;
                problem = errors.Reason(before);
                throw Outage(what, before, problem);
            }

            // Once more after the store has answered something else: it may be back just now.
            if (problem is null && !isOver && retries < MaxRetries - 1) continue;
            var failure = await FailureAsync(what, before, cancellationToken);
            if (isOver || problem is not null) throw failure;
        }
    }

    private async Task TryProbeAsync()
    {
        try
        {
            await ProbeAsync(CancellationToken.None);
        }
        catch (ObjectStoreException)
        {
            // That is the problem now.
        }
    }

    private static Func<Attempt, Task<bool>> Answering(Func<Attempt, Task> request) => async attempt =>
    {
        await request(attempt);
        return true;
    };

    private ObjectStoreException Outage(string what, Exception? cause, string problem) =>
        new($"the object store is not available: {(what.Length == 0 ? "" : $"{what}: ")}{errors.Message(cause) ?? problem}", cause);

    /// <summary>Between half and all of a time that doubles, so that many do not come back all at once.</summary>
    private TimeSpan Pause(int retries)
    {
        var full = timing.FirstPause * (1 << (retries - 1));
        return full / 2 * (1 + (RandomNumberGenerator.GetInt32(1001) / 1000.0));
    }
}
