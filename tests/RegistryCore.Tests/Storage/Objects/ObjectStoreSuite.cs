using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>The object store against a real server, and with faults on the way to it.</summary>
public abstract class ObjectStoreSuite(SharedObjectStore shared) : IAsyncLifetime
{
    private const int PartSize = SharedObjectStore.PartSize;

    private static readonly ObjectStoreTiming HalfASecond = SharedReplica.Timing with { Silence = TimeSpan.FromMilliseconds(500) };
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<IDisposable> stores = [];
    private StoreRelay? relay;

    private protected StoreRelay Relay => relay ?? throw new InvalidOperationException("There is no line.");

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        foreach (var store in stores) store.Dispose();
        if (relay is not null) await relay.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Objects_are_written_read_in_parts_listed_and_deleted()
    {
        var store = Open(await shared.CreateAsync());
        var bytes = RandomNumberGenerator.GetBytes(100_000);
        foreach (var key in (string[])["a/1", "a/2", "b/+ä 1"]) await PutAsync(store, key, bytes);

        Assert.Equal(bytes, await ReadAsync(store, "b/+ä 1"));
        Assert.Equal(bytes[1000..2001], await ReadAsync(store, "a/1", new ByteRange(1000, 2000)));
        Assert.Equal(100_000, await store.SizeAsync("a/1", Cancellation));
        Assert.Equal(["a/1", "a/2"], await KeysAsync(store, "a/"));

        await store.DeleteAsync(["a/1", "a/2", "never"], Cancellation);
        Assert.Equal(["b/+ä 1"], await KeysAsync(store, ""));
        Assert.Null(await store.OpenAsync("a/1", null, Cancellation));
        Assert.Null(await store.SizeAsync("a/1", Cancellation));
    }

    [Fact]
    public async Task Lists_and_deletions_go_on_after_a_thousand()
    {
        var store = Open(await shared.CreateAsync());
        await Parallel.ForAsync(0, 1001, Cancellation, async (i, _) => await PutAsync(store, $"{i:d4}", [1]));
        var keys = await KeysAsync(store, "");
        Assert.Equal(1001, keys.Count);
        await store.DeleteAsync(keys, Cancellation);
        Assert.Empty(await KeysAsync(store, ""));
    }

    [Fact]
    public async Task An_object_of_parts_is_there_once_it_is_complete_and_completing_it_again_does_no_harm()
    {
        var store = Open(await shared.CreateAsync());
        var bytes = RandomNumberGenerator.GetBytes(PartSize + 1000);
        var (id, parts) = await WritePartsAsync(store, "whole", bytes);
        Assert.Null(await store.SizeAsync("whole", Cancellation));
        Assert.Equal(shared.NamesUploads ? ["whole"] : [], await OpenAsync(store));

        await store.CompleteAsync("whole", id, parts, Cancellation);
        await store.CompleteAsync("whole", id, parts, Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "whole"));
        Assert.Empty(await OpenAsync(store));
    }

    [Fact]
    public async Task An_object_that_was_given_up_leaves_nothing()
    {
        var store = Open(await shared.CreateAsync());
        var (id, parts) = await WritePartsAsync(store, "half", RandomNumberGenerator.GetBytes(PartSize + 1000));
        await store.AbortAsync("half", id, Cancellation);
        await store.AbortAsync("half", id, Cancellation);
        Assert.Empty(await OpenAsync(store));
        await Assert.ThrowsAnyAsync<ObjectStoreException>(() => store.CompleteAsync("half", id, parts, Cancellation));
    }

    [Fact]
    public async Task A_presigned_url_gives_an_object_whole_or_in_parts_and_allows_nothing_else()
    {
        var store = Open(await shared.CreateAsync());
        var bytes = RandomNumberGenerator.GetBytes(1000);
        await PutAsync(store, "key", bytes);
        var url = store.Presign("key", TimeSpan.FromMinutes(1));
        using var http = new HttpClient();
        Assert.Equal(bytes, await http.GetByteArrayAsync(url, Cancellation));

        using var part = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(10, 19) } };
        using var answer = await http.SendAsync(part, Cancellation);
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        Assert.Equal(bytes[10..20], await answer.Content.ReadAsByteArrayAsync(Cancellation));

        using var put = new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent([1]) };
        put.Headers.Add("x-ms-blob-type", "BlockBlob");
        foreach (var other in (HttpRequestMessage[])[put, new(HttpMethod.Delete, url), new(HttpMethod.Get, Other(url, store))])
        {
            using var refused = await http.SendAsync(other, Cancellation);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        // The same signature for another object.
        static Uri Other(Uri url, ObjectStore store) =>
            new(store.Presign("yek", TimeSpan.FromMinutes(1)).GetLeftPart(UriPartial.Path) + url.Query);
    }

    [Fact]
    public async Task A_store_that_takes_what_it_is_given_passes_the_trial_and_keeps_nothing_of_it()
    {
        var store = Open(await shared.CreateAsync());
        await store.TryOutAsync(Cancellation);
        Assert.Empty(await KeysAsync(store, ""));
        Assert.Null(store.Problem);
    }

    [Theory]
    [InlineData(StoreFault.InternalError)]
    [InlineData(StoreFault.SlowDown)]
    [InlineData(StoreFault.Cut)]
    [InlineData(StoreFault.LostAnswer)]
    public async Task What_fails_once_is_asked_again(StoreFault fault)
    {
        var store = await BehindRelayAsync();
        var bytes = RandomNumberGenerator.GetBytes(PartSize + 1000);
        var failed = new HashSet<string>(StringComparer.Ordinal);
        Relay.Fault = (method, path, _) => failed.Add($"{method} {shared.Same(path)}") ? fault : StoreFault.None;

        await PutAsync(store, "one", bytes);
        var (id, parts) = await WritePartsAsync(store, "two", bytes);
        await store.CompleteAsync("two", id, parts, Cancellation);
        Assert.Equal(bytes, await ReadAsync(store, "one"));
        Assert.Equal(bytes, await ReadAsync(store, "two"));
        await store.DeleteAsync(["one"], Cancellation);
        Assert.Equal(["two"], await KeysAsync(store, ""));
        Assert.Null(store.Problem);
    }

    [Theory]
    [InlineData(StoreFault.InternalError, "500")]
    [InlineData(StoreFault.SlowDown, "overloaded")]
    [InlineData(StoreFault.Cut, "cannot be reached")]
    public async Task What_goes_on_failing_ends_as_one_error_and_the_store_is_used_again_once_it_works(StoreFault fault, string reason)
    {
        var store = await BehindRelayAsync();
        Relay.Fault = (_, _, _) => fault;
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.SizeAsync("key", Cancellation));
        await Assert.ThrowsAsync<ObjectStoreException>(() => PutAsync(store, "key", [1]));
        Assert.Contains(reason, store.Problem, StringComparison.Ordinal);
        Assert.InRange(Relay.Requests, 4, 40); // what is cut off is repeated by the connection as well

        Relay.Fault = (_, _, _) => StoreFault.None;
        await PutAsync(store, "key", [1]);
        Assert.Null(store.Problem);
    }

    [Fact]
    public async Task What_is_missing_on_the_way_to_the_store_is_no_missing_object()
    {
        var store = await BehindRelayAsync();
        await PutAsync(store, "key", [1]);
        Relay.Fault = (_, _, _) => StoreFault.NotFoundPage;
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.SizeAsync("key", Cancellation));
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.OpenAsync("key", null, Cancellation));
        Relay.Fault = (method, _, _) => method == "HEAD" ? StoreFault.NotFoundPage : StoreFault.None;
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.SizeAsync("key", Cancellation));
        if (shared is SharedS3) Assert.Null(await store.SizeAsync("other", Cancellation)); // others name the cause in a header
        Relay.Fault = (_, path, _) => path.EndsWith("/key", StringComparison.Ordinal) ? StoreFault.NoSuchKey : StoreFault.None;
        Assert.Null(await store.SizeAsync("key", Cancellation)); // though the store still lists it

        var without = await shared.CreateAsync();
        var reason = shared.Misname(without);
        var lost = Open(without);
        await Assert.ThrowsAsync<ObjectStoreException>(() => lost.ProbeAsync(Cancellation));
        Assert.Contains(reason, lost.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parts_that_the_store_did_not_put_together_after_it_said_200_are_no_object()
    {
        var store = await BehindRelayAsync();
        var (id, parts) = await WritePartsAsync(store, "key", RandomNumberGenerator.GetBytes(PartSize + 1000));
        Relay.Fault = (method, path, _) => shared.Completes(method, path) ? StoreFault.ErrorAfterOk : StoreFault.None;
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.CompleteAsync("key", id, parts, Cancellation));
        Relay.Fault = (_, _, _) => StoreFault.None;
        await store.CompleteAsync("key", id, parts, Cancellation);
        Assert.Equal(PartSize + 1000, await store.SizeAsync("key", Cancellation));
    }

    [Fact]
    public async Task A_prefix_that_others_may_begin_with_is_refused()
    {
        var options = await shared.CreateAsync();
        options.Prefix = "registry";
        Assert.Contains(
            "must end with a slash",
            Assert.Throws<OperatorException>(() => new ObjectStore(options, TimeProvider.System)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_asked_for_again_from_there()
    {
        var store = await BehindRelayAsync();
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        await PutAsync(store, "key", bytes);
        Relay.Fault = (_, _, before) => before < 4 ? StoreFault.HalfAnswer : StoreFault.None; // one of them was the write
        Assert.Equal(bytes, await ReadAsync(store, "key"));
        Assert.InRange(Relay.Requests, 4, 6);
    }

    [Theory]
    [InlineData(StoreFault.HalfThenSilence, StoreFault.None)]
    [InlineData(StoreFault.HalfThenSilence, StoreFault.Silence)]
    [InlineData(StoreFault.HalfAnswer, StoreFault.Silence)]
    public async Task An_answer_in_which_the_store_falls_silent_is_asked_for_again_from_there(StoreFault first, StoreFault second)
    {
        var store = await BehindRelayAsync(HalfASecond);
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        await PutAsync(store, "key", bytes);
        var asked = FailGets(first, second);
        Assert.Equal(bytes, await ReadAsync(store, "key").WaitAsync(Patience, Cancellation));
        Assert.True(asked.IsCompleted);
    }

    [Fact]
    public async Task However_often_an_answer_breaks_off_it_is_read_to_its_end_while_each_brings_something()
    {
        var store = await BehindRelayAsync();
        var bytes = RandomNumberGenerator.GetBytes(3_000_000);
        await PutAsync(store, "key", bytes);
        var asked = FailGets([.. Enumerable.Repeat(StoreFault.HalfAnswer, 8)]);
        Assert.Equal(bytes, await ReadAsync(store, "key"));
        Assert.True(asked.IsCompleted);
    }

    [Fact]
    public async Task Whoever_leaves_while_an_answer_that_broke_off_is_asked_for_again_ends_the_request()
    {
        var store = await BehindRelayAsync();
        await PutAsync(store, "key", RandomNumberGenerator.GetBytes(3_000_000));
        var asked = FailGets(StoreFault.HalfAnswer, StoreFault.Silence);
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using var reader = await store.OpenAsync("key", null, leaving.Token);
        var reading = Task.Run(
            async () =>
            {
                var buffer = new byte[64 * 1024];
                while (await reader!.ReadAsync(buffer, leaving.Token) > 0)
                {
                    // To the end.
                }
            },
            Cancellation);
        await asked.WaitAsync(Patience, Cancellation);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Patience, Cancellation));
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task An_answer_that_is_not_read_to_its_end_closes_its_connection()
    {
        var store = await BehindRelayAsync();
        await PutAsync(store, "key", RandomNumberGenerator.GetBytes(3_000_000));
        Relay.Fault = (_, _, _) => StoreFault.HalfThenSilence;
        var (readers, buffer) = (new List<ObjectReader?>(), new byte[1000]);
        for (var i = 0; i < 20; i++)
        {
            using var reader = await store.OpenAsync("key", null, Cancellation);
            readers.Add(reader);
            Assert.NotEqual(0, await reader!.ReadAsync(buffer, Cancellation));
        }

        await NothingUnfinishedAsync();
        GC.KeepAlive(readers); // or the garbage collector might have closed them
    }

    [Fact]
    public async Task A_large_object_is_given_as_it_arrives()
    {
        var store = Open(await shared.CreateAsync());
        var bytes = RandomNumberGenerator.GetBytes((64 * 1024 * 1024) + 1); // more than any other answer may have
        await PutAsync(store, "key", bytes);
        Assert.Equal(bytes.Length, await store.SizeAsync("key", Cancellation));
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(await ReadAsync(store, "key")));
    }

    [Theory]
    [InlineData(StoreFault.HalfAnswer)]
    [InlineData(StoreFault.HalfThenSilence)]
    public async Task A_list_that_does_not_arrive_wholly_is_asked_for_again(StoreFault fault)
    {
        var store = await BehindRelayAsync(HalfASecond);
        await PutAsync(store, "key", [1]);
        var asked = FailGets(fault);
        Assert.Equal(["key"], await KeysAsync(store, "").WaitAsync(Patience, Cancellation));
        Assert.True(asked.IsCompleted);
        await NothingUnfinishedAsync();
    }

    [Theory]
    [InlineData(StoreFault.HalfAnswer)]
    [InlineData(StoreFault.HalfThenSilence)]
    public async Task An_error_that_does_not_arrive_wholly_is_asked_for_again(StoreFault fault)
    {
        var store = await BehindRelayAsync(HalfASecond);
        var asked = FailGets(fault);
        Assert.Null(await store.OpenAsync("never", null, Cancellation).WaitAsync(Patience, Cancellation));
        Assert.True(asked.IsCompleted);
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task A_store_that_falls_silent_while_it_is_sent_a_part_is_sent_it_again()
    {
        var store = await BehindRelayAsync(HalfASecond);
        var bytes = RandomNumberGenerator.GetBytes(PartSize);
        Relay.Fault = (_, _, before) => before == 0 ? StoreFault.Silence : StoreFault.None;
        await PutAsync(store, "key", bytes);
        Assert.Equal(bytes, await ReadAsync(store, "key"));
    }

    [Fact]
    public async Task One_object_that_the_store_does_not_give_is_no_outage()
    {
        var store = await BehindRelayAsync();
        await PutAsync(store, "good", [1]);
        await PutAsync(store, "bad", [1]);
        Relay.Fault = (_, path, _) => path.EndsWith("/bad", StringComparison.Ordinal) ? StoreFault.InternalError : StoreFault.None;
        var error = await Assert.ThrowsAsync<ObjectStoreException>(() => store.OpenAsync("bad", null, Cancellation));
        Assert.Contains("the object bad", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ObjectStoreException>(() => PutAsync(store, "bad", [1]));
        Assert.Null(store.Problem);
        Assert.Equal([1], await ReadAsync(store, "good"));
    }

    [Theory]
    [InlineData(100, 100)]
    [InlineData(50, 150)]
    public async Task An_object_that_is_shorter_than_it_was_is_damaged_at_once(int first, int last)
    {
        var store = await BehindRelayAsync();
        await PutAsync(store, "key", new byte[100]);
        var before = Relay.Requests;
        await Assert.ThrowsAsync<ObjectUnreadableException>(() => store.OpenAsync("key", new ByteRange(first, last), Cancellation));
        Assert.Equal(1, Relay.Requests - before);
    }

    [Fact]
    public async Task Objects_that_the_store_does_not_delete_are_named_although_it_answers_200()
    {
        var store = await BehindRelayAsync();
        Relay.Fault = (method, path, _) => shared.Deletes(method, path) ? StoreFault.NotDeleted : StoreFault.None;
        var undeleted = await store.DeleteAsync(["a/1", "a/2"], Cancellation);
        Assert.Equal([("a/1", shared.Undeleted), ("a/2", shared.Undeleted)], undeleted.Select(u => (u.Key, u.Reason)));
        Assert.Null(store.Problem);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => store.TryOutAsync(Cancellation));
        Assert.Contains(shared.Undeleted, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_that_change_are_used_at_once_and_the_last_good_ones_stay()
    {
        var options = await shared.CreateAsync();
        using var folder = new TemporaryDirectory();
        var secret = await File.ReadAllTextAsync(shared.SecretOf(options), Cancellation);
        shared.UseSecret(options, folder["secret"]);
        await WriteAsync(shared.WrongSecret);
        var store = Open(options);
        await Assert.ThrowsAsync<ObjectStoreException>(() => PutAsync(store, "key", [1]));
        await WriteAsync(secret);
        await PutAsync(store, "key", [1]);
        Assert.Null(store.KeysFailure);
        await WriteAsync(" ");
        Assert.Equal([1], await ReadAsync(store, "key"));
        Assert.Contains("is empty", store.KeysFailure, StringComparison.Ordinal);
        await WriteAsync(shared.WrongSecret);
        await Assert.ThrowsAsync<ObjectStoreException>(() => store.SizeAsync("key", Cancellation));

        async Task WriteAsync(string text)
        {
            await File.WriteAllTextAsync(folder["new"], text, Cancellation);
            File.SetUnixFileMode(folder["new"], UnixFileMode.UserRead);
            File.Move(folder["new"], folder["secret"], overwrite: true);
        }
    }

    private protected ObjectStore Open(ObjectStoreOptions options, ObjectStoreTiming? timing = null)
    {
        var store = new ObjectStore(options, TimeProvider.System, timing: timing ?? SharedReplica.Timing);
        stores.Add(store);
        return store;
    }

    private protected async Task<ObjectStore> BehindRelayAsync(ObjectStoreTiming? timing = null)
    {
        relay = await shared.RelayAsync();
        return Open(await shared.CreateAsync(relay.Address), timing);
    }

    /// <summary>Lets the next requests that read fail, each as it is named.</summary>
    /// <returns>Is done once the last of them has come.</returns>
    private Task FailGets(params StoreFault[] faults)
    {
        var gets = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Relay.Fault = (method, path, _) =>
        {
            if (method != "GET" || path.Contains("probe-", StringComparison.Ordinal)) return StoreFault.None;
            var at = Interlocked.Increment(ref gets) - 1;
            if (at == faults.Length - 1) all.SetResult();
            return at < faults.Length ? faults[at] : StoreFault.None;
        };
        return all.Task;
    }

    private Task NothingUnfinishedAsync() =>
        Eventually.TrueAsync(() => Relay.Unfinished == 0, Patience, () => $"{Relay.Unfinished} connections stay open");

    private static Task PutAsync(ObjectStore store, string key, byte[] bytes) => store.PutAsync(key, bytes, Cancellation);

    private protected static async Task<(string Id, List<ObjectPart> Parts)> WritePartsAsync(ObjectStore store, string key, byte[] bytes)
    {
        var id = await store.BeginAsync(key, Cancellation);
        var parts = new List<ObjectPart>();
        foreach (var part in bytes.Chunk(PartSize))
        {
            parts.Add(await store.PutPartAsync(key, id, parts.Count + 1, part, Cancellation));
        }

        return (id, parts);
    }

    private protected static async Task<byte[]> ReadAsync(ObjectStore store, string key, ByteRange? range = null)
    {
        using var reader = await store.OpenAsync(key, range, Cancellation);
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (await reader!.ReadAsync(buffer, Cancellation) is var read and > 0) all.Write(buffer, 0, read);
        Assert.Equal(0, reader.Left);
        return all.ToArray();
    }

    private protected static async Task<List<string>> KeysAsync(ObjectStore store, string start)
    {
        var keys = new List<string>();
        await foreach (var found in store.ListAsync(start, Cancellation)) keys.Add(found.Key);
        return keys;
    }

    private static async Task<List<string>> OpenAsync(ObjectStore store)
    {
        var keys = new List<string>();
        await foreach (var found in store.ListOpenAsync(Cancellation)) keys.Add(found.Key);
        return keys;
    }
}
