using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using Microsoft.Extensions.Logging.Abstractions;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>An object that is being written in parts and is neither complete nor aborted.</summary>
/// <param name="Key">The key that it would have, without the configured prefix.</param>
/// <param name="UploadId">The store's id for it.</param>
/// <param name="BegunAt">When it was begun, by the store's clock.</param>
internal sealed record OpenMultipart(string Key, string UploadId, DateTimeOffset BegunAt);

/// <summary>A part of an object.</summary>
/// <param name="Number">Its place, from 1.</param>
/// <param name="ETag">What the store called it.</param>
/// <param name="Size">Its size in bytes.</param>
internal sealed record ObjectPart(int Number, string ETag, long Size);

/// <summary>
/// An object store, below a prefix. Requests that fail by the store's state are repeated a few times, and come out as
/// <see cref="ObjectStoreException"/> then. Keys are never used twice, so everything may be repeated.
/// </summary>
internal sealed class ObjectStore : IDisposable
{
    // What the keys of objects begin with that only try the store out, and how many hexadecimal digits follow.
    private const string ProbeStart = "probe-";
    private const int ProbeDigits = 16;

    private readonly IStoreClient client;
    private readonly StoreErrors errors;
    private readonly StoreRequests requests;
    private readonly PresignedUrls urls;

    /// <summary>Names a store; nothing is asked of it yet.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="log">Receives changes of the keys.</param>
    /// <param name="timing">How long it is waited for; null for what a server waits.</param>
    /// <exception cref="OperatorException">A file with a key is missing, empty, or others can get at it.</exception>
    public ObjectStore(ObjectStoreOptions options, TimeProvider clock, ILogger<ObjectStore>? log = null, ObjectStoreTiming? timing = null)
    {
        Section = options.Section;
        if (options.Prefix is [.., not '/'])
        {
            throw new OperatorException(
                $"{Section}.prefix: '{options.Prefix}' must end with a slash: without it, the objects of '{options.Prefix}2' "
                    + "would count as its own");
        }

        client = options.CreateClient(clock, (ILogger?)log ?? NullLogger.Instance);
        errors = new StoreErrors(client);
        requests = new StoreRequests(timing ?? ObjectStoreTiming.Default, clock, errors, AskAnythingAsync);
        urls = new PresignedUrls(clock, client.Sign);
    }

    /// <summary>The section of the configuration that names it.</summary>
    public string Section { get; }

    /// <summary>What it is in the store, for people.</summary>
    public string Place => client.Demands.Place;

    /// <summary>The most parts that an object can have.</summary>
    public int MaxParts => client.MaxParts;

    /// <summary>Why the store does not do what it is asked; null when it does. Names no host and no account.</summary>
    public string? Problem => requests.Problem;

    /// <summary>Why the files with the keys, which were changed, are not in use; null when they are.</summary>
    public string? KeysFailure => client.KeysFailure;

    /// <summary>Whether a failure is that of one object, or of one request for it, and the store answers.</summary>
    public bool IsOfOneObject(Exception e) => e is ObjectUnreadableException || (e is ObjectStoreException && Problem is null);

    /// <summary>How long the store may be silent while it sends content.</summary>
    internal TimeSpan Silence => requests.Silence;

    /// <summary>Writes an object in one request.</summary>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        requests.SendAsync(attempt => client.PutAsync(key, content, attempt), content.Length, cancellationToken);

    /// <summary>Begins an object that is written in parts.</summary>
    /// <returns>The store's id for it.</returns>
    public Task<string> BeginAsync(string key, CancellationToken cancellationToken) =>
        requests.AskAsync(attempt => client.BeginAsync(key, attempt), cancellationToken);

    /// <summary>Writes a part; one of the same number before it is replaced.</summary>
    /// <exception cref="UploadRefusedException">The store does not know the upload any more, or will not have the part.</exception>
    public Task<ObjectPart> PutPartAsync(
        string key, string uploadId, int number, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => requests.SendAsync(
        async attempt => new ObjectPart(number, await client.PutPartAsync(key, uploadId, number, content, attempt), content.Length),
        content.Length,
        cancellationToken);

    /// <summary>Makes an object of its parts. Asked again, because the answer was lost, it finds the object there.</summary>
    /// <exception cref="UploadRefusedException">The store does not know the upload any more, or will not have its parts.</exception>
    public Task CompleteAsync(string key, string uploadId, IReadOnlyList<ObjectPart> parts, CancellationToken cancellationToken) =>
        requests.CompleteAsync(attempt => client.CompleteAsync(key, uploadId, parts, attempt), cancellationToken);

    /// <summary>Gives the parts of an object back that will not be made. One that is complete or unknown is left alone.</summary>
    public Task AbortAsync(string key, string uploadId, CancellationToken cancellationToken) =>
        requests.AskAsync(attempt => client.AbortAsync(key, uploadId, attempt), cancellationToken);

    /// <summary>Reads an object, or the part of it that a range names; null when there is none.</summary>
    public async Task<ObjectReader?> OpenAsync(string key, ByteRange? range, CancellationToken cancellationToken)
    {
        if (await AskAsync(key, range, cancellationToken) is not { } answer) return null;
        return new ObjectReader(this, errors, key, range ?? new ByteRange(0, answer.Length - 1), answer);
    }

    /// <summary>The size of an object in bytes; null when there is none.</summary>
    public Task<long?> SizeAsync(string key, CancellationToken cancellationToken) =>
        requests.AskAsync(attempt => client.SizeAsync(key, attempt), cancellationToken);

    /// <summary>Deletes objects; those that do not exist are left alone.</summary>
    /// <returns>Those that the store answers it does not delete.</returns>
    public async Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        var undeleted = new List<UndeletedBytes>();
        foreach (var some in keys.Chunk(client.MaxDeleted))
        {
            undeleted.AddRange(await requests.AskAsync(attempt => client.DeleteAsync(some, attempt), cancellationToken));
        }

        return undeleted;
    }

    /// <summary>
    /// All objects whose keys begin with a text, in order of their keys, which are without the configured prefix; times are by the store's
    /// clock.
    /// </summary>
    public IAsyncEnumerable<StoredBytes> ListAsync(string start, CancellationToken cancellationToken) =>
        PagesAsync((from, attempt) => client.ListAsync(start, from, attempt), cancellationToken);

    /// <summary>All objects below the prefix that are being written in parts, unless the store itself drops those that are old.</summary>
    public IAsyncEnumerable<OpenMultipart> ListOpenAsync(CancellationToken cancellationToken) =>
        PagesAsync(client.ListOpenAsync, cancellationToken);

    /// <summary>
    /// A URL by which whoever has it can GET an object, and nothing else, for at least nine tenths of a time and at most all of it.
    /// </summary>
    public Uri Presign(string key, TimeSpan lifetime) => urls.Get(key, lifetime, client.Credentials);

    /// <summary>Asks the store whether it answers, so that <see cref="Problem"/> is as of now.</summary>
    /// <exception cref="ObjectStoreException">It does not answer, or refuses.</exception>
    public Task ProbeAsync(CancellationToken cancellationToken) => requests.ProbeAsync(cancellationToken);

    /// <summary>Does all that the registry will have to: writes, lists, reads and deletes an object, whole and in parts.</summary>
    /// <exception cref="OperatorException">The store answers, and refuses.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task TryOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = NewProbe();
            await PutAsync(key, "AuthIndex"u8.ToArray(), cancellationToken);
            await foreach (var _ in ListAsync(key, cancellationToken)) break;
            using (await OpenAsync(key, null, cancellationToken))
            {
                if (await DeleteAsync([key], cancellationToken) is [{ Reason: var reason }, ..]) throw Refused(reason, null);
            }

            await AbortAsync(key, await BeginAsync(key, cancellationToken), cancellationToken);
            await foreach (var _ in ListOpenAsync(cancellationToken)) break;
            await requests.ProbeAsync(cancellationToken);
        }
        catch (ObjectStoreException e) when (errors.IsRefusal(e.InnerException))
        {
            throw Refused(errors.Reason(e.InnerException), e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        urls.Dispose();
        client.Dispose();
    }

    /// <summary>Whether an object of this key only tried the store out; others' may begin with the same word.</summary>
    internal static bool IsProbe(string key) =>
        key.Length == ProbeStart.Length + ProbeDigits && key.StartsWith(ProbeStart, StringComparison.Ordinal)
        && key[ProbeStart.Length..].All(char.IsAsciiHexDigitLower);

    /// <summary>Begins to read an object; null when there is none.</summary>
    /// <exception cref="ObjectUnreadableException">It is shorter than the range needs.</exception>
    internal Task<StoreAnswer?> AskAsync(string key, ByteRange? range, CancellationToken cancellationToken) => requests.AskAsync(
        async attempt =>
        {
            var answer = await client.GetAsync(key, range, attempt);
            if (answer is null || range is not { } wanted || Brings(answer, wanted)) return answer;
            answer.Dispose();
            if (answer.Size <= wanted.Last) throw ObjectUnreadableException.TooShort(key);
            throw new IOException("the store answers with another range than it was asked for");
        },
        cancellationToken,
        $"reading the object {key}");

    /// <summary>What to throw when an object cannot be read to its end.</summary>
    internal Task<ObjectStoreException> FailureAsync(string what, Exception? cause, CancellationToken cancellationToken) =>
        requests.FailureAsync(what, cause, cancellationToken);

    /// <summary>A key that no object has.</summary>
    private static string NewProbe() => $"{ProbeStart}{RandomNumberGenerator.GetHexString(ProbeDigits, lowercase: true)}";

    /// <summary>
    /// What any store that works answers: a list, and that an object is missing, for which it has to look where it keeps objects.
    /// </summary>
    private async Task AskAnythingAsync(Attempt attempt)
    {
        var key = NewProbe();
        await client.ListAsync(key, null, attempt);
        using var none = await client.GetAsync(key, null, attempt);
    }

    private async IAsyncEnumerable<T> PagesAsync<T>(
        Func<string?, Attempt, Task<StorePage<T>>> ask, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? from = null;
        do
        {
            var page = await requests.AskAsync(attempt => ask(from, attempt), cancellationToken, "listing objects");
            foreach (var item in page.Items) yield return item;
            if (page.Next is not null && string.Equals(page.Next, from, StringComparison.Ordinal)) throw StorePages.Lost();
            from = page.Next;
        }
        while (from is not null);
    }

    private OperatorException Refused(string reason, Exception? cause) =>
        new($"{Section}: the object store refuses {client.Demands.Place}: {reason}. {client.Demands.Needs}", cause);

    private static bool Brings(StoreAnswer answer, ByteRange wanted) =>
        answer.Length == wanted.Last - wanted.First + 1 && (wanted.First == 0 || answer.IsPart);
}
