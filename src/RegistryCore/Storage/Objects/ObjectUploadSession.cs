using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// An upload session as one request has it. Bytes become parts of an object, each noted in the session's row once it is written, while the
/// next is being received. What is left when the request ends, or when its client falls silent, becomes an object of its own, with which
/// the next request begins; the blob itself, if nothing follows and there are no parts.
/// </summary>
internal sealed class ObjectUploadSession : IUploadSession
{
    private const int ReadSize = 256 * 1024;

    private const int EagerLooks = 30;

    // Each time that a request falls silent, all that came after the last part is written again. When less than this fraction of a part has
    // come since, the next silence must be twice as long: so a client that lets bytes drip has it done a few times, and not every 3 s.
    private const int WorthATail = 16;

    private static readonly TimeSpan MakesRoomAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LaterLook = TimeSpan.FromMilliseconds(500);

    private readonly ObjectUploadStore shared;
    private readonly RepositoryName repository;
    private readonly HashAlgorithmName algorithm;
    private readonly HashSet<string> tails = new(StringComparer.Ordinal); // that were written or found
    private UploadRow row;
    private UploadProgress entered;
    private UploadProgress saved;
    private ResumableHash hash;
    private UploadLease? lease;
    private PartBuffer? filling;
    private long filledSince;
    private Task? sending;
    private bool hasFinished;
    private bool mustRewind;

    /// <summary>A session that was found, or, with a lease, one that lasts a request.</summary>
    public ObjectUploadSession(UploadRow row, RepositoryName repository, ObjectUploadStore shared, UploadLease? lease = null)
    {
        (this.row, this.repository, this.shared, this.lease) = (row, repository, shared, lease);
        algorithm = new HashAlgorithmName(row.Algorithm);
        entered = saved = row.Progress;
        hash = new ResumableHash(algorithm, saved.Hash);
        Offset = saved.Received;
    }

    /// <inheritdoc/>
    public UploadId Id => UploadId.TryParse(row.Id, out var id) ? id : throw new InvalidDataException($"The upload {row.Id} has no id.");

    /// <inheritdoc/>
    public long Offset { get; private set; }

    /// <inheritdoc/>
    public bool IsOver { get; private set; }

    private string Key => ObjectUploadStore.KeyOf(row.Id);

    /// <summary>Whether it can be left to another request; none knows a transient session.</summary>
    private bool MayLeave => !Lease.IsPaused && !row.IsTransient;

    private UploadLease Lease => lease ?? throw new InvalidOperationException("The session was not taken.");

    /// <inheritdoc/>
    public async Task<IAsyncDisposable?> EnterAsync(CancellationToken cancellationToken)
    {
        var holder = ObjectUploadStore.NewHolder();
        DateTime? heldUntil = null;
        for (var looks = 0; ; looks++)
        {
            if (await shared.Rows.TryTakeAsync(row.Id, holder) is { } taken)
            {
                Begin(taken);
                lease = shared.Hold(row.Id, holder);
                return new Turn(this);
            }

            if (await shared.Rows.FindAsync(row.Id) is not { HasEnded: false } other)
            {
                IsOver = true;
                return null;
            }

            // Whoever has it is alive if the lease was renewed since; then it is waited for only if its client has sent all.
            if (heldUntil is { } seen && other.HeldUntil > seen && !other.IsLeaving && other.Closing is null) return null;
            heldUntil ??= other.HeldUntil;
            await Task.Delay(looks < EagerLooks ? Look : LaterLook, shared.Clock, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public Task<long?> AppendAsync(PipeReader body, CancellationToken cancellationToken) =>
        UnlessInterruptedAsync(() => ReceiveAsync(body, cancellationToken));

    /// <inheritdoc/>
    public bool Has(Digest digest) =>
        row.Closing == digest.Value || (Offset > 0 && digest.Algorithm == algorithm && hash.Current() == digest);

    /// <inheritdoc/>
    public async Task<bool> TruncateAsync(long offset)
    {
        // If the request has left it to others meanwhile, it goes back to there: they may have been told of it.
        if (offset > entered.Received) throw new InvalidOperationException("A session goes back only to where the request began.");
        return await UnlessInterruptedAsync<bool>(async () =>
        {
            await SentAsync();
            await RewindAsync();
            return true;
        }) is true;
    }

    /// <inheritdoc/>
    public async Task<bool> SaveAsync() => await UnlessInterruptedAsync<bool>(async () =>
    {
        await StoreTailAsync();
        return true;
    }) is true;

    /// <inheritdoc/>
    public Task<Digest?> FinishAsync(Digest expected, CancellationToken cancellationToken) =>
        UnlessInterruptedAsync<Digest>(async () => await BecomeBlobAsync(expected, cancellationToken));

    /// <inheritdoc/>
    public Task RemoveAsync() => EndAsync(null);

    /// <summary>Ends the session, unless it is another request's by now.</summary>
    /// <param name="refusal">Why the store has none of it, which is told; null for another end.</param>
    private async Task EndAsync(string? refusal)
    {
        await LeaveMemoryAsync();
        if (lease is not { } held || hasFinished)
        {
            IsOver = true;
            return;
        }

        try
        {
            if (!await shared.Rows.EndAsync(row.Id, held.Holder))
            {
                await NoteWhetherOverAsync();
                return;
            }

            IsOver = true;
            if (refusal is not null) shared.NoteRefused(row, refusal);
        }
        finally
        {
            await LetGoAsync();
        }

        try
        {
            await shared.CleanAsync(row with { Progress = saved }, CancellationToken.None);
        }
        catch (ObjectStoreException)
        {
            // It has ended; what is left of it is swept when the store works again.
        }
    }

    /// <summary>Notes whether the session has ended, and not only become another request's.</summary>
    private async Task NoteWhetherOverAsync() => IsOver = await shared.Rows.FindAsync(row.Id) is not { HasEnded: false };

    /// <summary>
    /// Does a step; null when the session cannot go on here. When it fails otherwise, the session goes back to where the request began:
    /// that is where a client continues that repeats the request, and where one that asks is told to.
    /// </summary>
    private async Task<T?> UnlessInterruptedAsync<T>(Func<Task<T?>> step)
        where T : struct
    {
        try
        {
            return await step();
        }
        catch (LeaseLostException)
        {
            await NoteWhetherOverAsync();
            return null;
        }
        catch (Exception e) when (e is UploadRefusedException or ObjectUnreadableException)
        {
            await EndAsync(e.Message);
            return null;
        }
        catch (Exception e) when (e is ObjectStoreException or DatabaseUnavailableException)
        {
            await TryRewindAsync();
            throw;
        }
    }

    private async Task<long?> ReceiveAsync(PipeReader body, CancellationToken cancellationToken)
    {
        var start = Offset;
        var record = RequestRecord.Current;
        record?.Received ??= 0;
        var heardAt = shared.Clock.GetTimestamp();
        var (leftAt, patience) = (start, UploadLease.FirstSilence);
        await using var wakes = BodyWait.WakeEverySecond(body, shared.Clock);
        while (true)
        {
            Lease.WaitSince(heardAt);
            var read = await ReadAsync(body);
            var length = read.Buffer.Length; // the buffer is the server's again once it is told how much was used
            if (length > 0 || read.IsCompleted) Lease.Heard();
            try
            {
                if (length > 0 && !await TakeAsync(read.Buffer, cancellationToken)) return null;
            }
            finally
            {
                body.AdvanceTo(read.Buffer.End); // also after a failure: otherwise the server could not answer
            }

            record?.Received += length;
            if (read.IsCompleted)
            {
                Lease.IsLeaving = true;
                return Offset - start;
            }

            if (Lease.IsLost) throw new LeaseLostException();
            if (length > 0)
            {
                heardAt = shared.Clock.GetTimestamp();
                Lease.SilentAfter = Offset - leftAt >= shared.Buffers.PartSize / WorthATail ? UploadLease.FirstSilence : patience;
            }

            var isInTheWay = filling is not null && shared.Clock.GetElapsedTime(filledSince) >= MakesRoomAfter
                && shared.Buffers.IsShort(row.Account);
            if ((Lease.IsSilent || isInTheWay) && MayLeave)
            {
                await LeaveToOthersAsync();
                (leftAt, patience) = (Offset, Lease.SilentAfter * 2);
            }
            else if (isInTheWay && row.IsTransient) await MakeRoomAsync();
        }
    }

    /// <summary>Reads what has come. When the source breaks off, what came before stays.</summary>
    private async ValueTask<ReadResult> ReadAsync(PipeReader body)
    {
        try
        {
            return await body.ReadAtLeastAsync(ReadSize, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            Lease.Heard();
            if (MayLeave) await TryLeaveToOthersAsync();
            throw;
        }
    }

    /// <summary>Takes bytes in; false when an earlier request has closed the session.</summary>
    private async ValueTask<bool> TakeAsync(ReadOnlySequence<byte> bytes, CancellationToken cancellationToken)
    {
        if (row.Closing is not null) return false;
        foreach (var segment in bytes)
        {
            for (var left = segment; left.Length > 0;)
            {
                if (filling is null) await PrepareAsync(cancellationToken);
                var part = filling ?? throw new InvalidOperationException("No part buffer was rented.");
                var some = left[..Math.Min(left.Length, part.Room.Length)];
                some.CopyTo(part.Room);
                part.Fill(some.Length);
                hash.Append(some.Span);
                Offset += some.Length;
                left = left[some.Length..];
                if (part.IsFull) await SendAsync(null, CancellationToken.None); // what has come stays, also when the client hangs up
            }
        }

        return true;
    }

    /// <summary>Gets memory for a part, with what came after the last one.</summary>
    private async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        await ComeBackAsync();
        if (shared.Buffers.TryRent(row.Account) is not { } part)
        {
            await SentAsync();
            part = await shared.Buffers.RentAsync(row.Account, cancellationToken);
        }

        (filling, filledSince) = (part, shared.Clock.GetTimestamp());
        var known = saved; // once: the part that is on its way may be noted at any time
        if (known.Tail is { } tail && Offset == known.Received) await LoadAsync(tail, part, cancellationToken);
    }

    /// <summary>Takes the session again after it was left.</summary>
    /// <exception cref="LeaseLostException">Another request has it by now.</exception>
    private async ValueTask ComeBackAsync()
    {
        if (!Lease.IsPaused) return;
        var taken = await shared.Rows.TryTakeAsync(row.Id, Lease.Holder, Offset);
        if (taken is not { Closing: null, Progress: var there }
            || (there.Multipart, there.Parts, there.Tail) != (saved.Multipart, saved.Parts, saved.Tail))
        {
            throw new LeaseLostException();
        }

        Lease.IsPaused = false;
    }

    private async Task<ObjectReader> OpenAsync(string key, CancellationToken cancellationToken) =>
        await shared.Store.OpenAsync(key, null, cancellationToken)
        ?? throw new ObjectUnreadableException($"the object {key} of an upload is missing");

    private async Task LoadAsync(string tail, PartBuffer part, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(tail, cancellationToken);
        if (reader.Left > part.Room.Length)
        {
            throw new ObjectUnreadableException($"the upload was begun with a larger {shared.Store.Section}.partSize");
        }

        while (await reader.ReadAsync(part.Room, cancellationToken) is var read and > 0) part.Fill(read);
    }

    /// <summary>Begins to write the part that was filled, after the one before it is noted.</summary>
    private async ValueTask SendAsync(string? closing, CancellationToken cancellationToken)
    {
        await SentAsync();
        var part = filling ?? throw new InvalidOperationException("No part is being filled.");
        filling = null;
        sending = SendAsync(part, Offset, hash.Export(), closing, cancellationToken);
    }

    private async Task SendAsync(PartBuffer part, long offset, byte[] state, string? closing, CancellationToken cancellationToken)
    {
        using (part)
        {
            var number = saved.Parts + 1;
            if (number > shared.Store.MaxParts)
            {
                throw new BlobTooLargeException((long)shared.Store.MaxParts * shared.Buffers.PartSize, shared.Store.Section);
            }

            var multipart = saved.Multipart ?? await shared.Store.BeginAsync(Key, cancellationToken);
            var sent = await shared.Store.PutPartAsync(Key, multipart, number, part.Content, cancellationToken);
            await AdvanceAsync(
                new UploadProgress(offset, state, multipart, number, null), new ObjectPart(number, sent.ETag, sent.Size), closing);
        }
    }

    /// <summary>Waits until the part that is being written is noted.</summary>
    private async ValueTask SentAsync()
    {
        if (sending is not { } last) return;
        sending = null;
        await last;
    }

    /// <summary>Writes what came after the last part.</summary>
    private async Task StoreTailAsync()
    {
        await SentAsync();
        if (filling is not { Length: > 0 } || Offset == saved.Received) return;
        var tail = $"{Key}-{Lease.Holder}-{Offset}";
        tails.Add(tail);
        await shared.Store.PutAsync(tail, filling.Content, CancellationToken.None);
        await AdvanceAsync(saved with { Received = Offset, Hash = hash.Export(), Tail = tail }, null, null);
    }

    private async Task AdvanceAsync(UploadProgress to, ObjectPart? part, string? closing)
    {
        // To the tail with which the request began it may have to go back.
        var superseded = saved.Tail is { } tail && tail != to.Tail && tail != entered.Tail ? tail : null;
        if (!await shared.Rows.AdvanceAsync(row.Id, Lease.Holder, saved, to, part, closing, superseded, Lease.IsLeaving))
        {
            throw new LeaseLostException();
        }

        saved = to;
        if (superseded is null) return;
        tails.Remove(superseded);
        await shared.DeleteQueuedAsync([superseded]);
    }

    /// <summary>Goes back to where the request began.</summary>
    private async Task RewindAsync()
    {
        GiveBack();
        await ComeBackAsync();
        var to = entered with { Multipart = saved.Multipart };

        // Also when the row seems to be there already: a step whose answer was lost may have been noted all the same.
        if (!await shared.Rows.RewindAsync(row.Id, Lease.Holder, to, Lease.IsLeaving)) throw new LeaseLostException();
        (saved, hash, Offset) = (to, new ResumableHash(algorithm, to.Hash), to.Received);
    }

    /// <summary>Goes back after a failure, if that can be; what keeps it from that is no worse than the failure.</summary>
    private async Task TryRewindAsync()
    {
        if (lease is null || row.IsTransient) return;
        await LeaveMemoryAsync();
        try
        {
            mustRewind = false;
            await RewindAsync();
        }
        catch (DatabaseUnavailableException)
        {
            mustRewind = true;
        }
        catch (LeaseLostException)
        {
            // The session is another's, or is closing; the row says what has come.
        }
    }

    /// <summary>Gives the memory to those who wait, and keeps the session: when more comes, it waits as well.</summary>
    private async Task MakeRoomAsync()
    {
        await StoreTailAsync();
        GiveBack();
    }

    /// <summary>Leaves the session to whoever comes, with all that has arrived.</summary>
    private async Task LeaveToOthersAsync()
    {
        await MakeRoomAsync();
        Lease.IsPaused = true;
        entered = saved; // another request may have been told of it: there is no way back below that
        await ReleaseAsync(Lease.Holder);
    }

    /// <summary>Gives the lease back, if this request still has it, and deletes what does not count any more.</summary>
    private async Task ReleaseAsync(string holder)
    {
        var dropped = await shared.Rows.ReleaseAsync(row.Id, holder, [.. tails.Where(t => t != saved.Tail)]);
        tails.ExceptWith(dropped);
        await shared.DeleteQueuedAsync(dropped);
    }

    /// <summary>The same after the client has hung up: there is nobody left to tell that it did not go well.</summary>
    private async Task TryLeaveToOthersAsync()
    {
        try
        {
            await LeaveToOthersAsync();
        }
        catch (ObjectStoreException)
        {
            // The row says what has come; the rest is the client's to send again.
        }
    }

    private async Task<Digest> BecomeBlobAsync(Digest expected, CancellationToken cancellationToken)
    {
        Lease.IsLeaving = true;
        await SentAsync();
        await ComeBackAsync();
        var actual = expected.Algorithm == algorithm ? hash.Current() : expected;
        if (actual == expected)
        {
            var key = saved.Parts == 0 && row.Closing is null
                ? await StoreSmallAsync()
                : await StorePartsAsync(expected, cancellationToken);
            if (expected.Algorithm != algorithm) actual = await HashAsync(key, expected.Algorithm, cancellationToken);
            if (actual == expected)
            {
                await BecomeAsync(new BlobRecord(expected, Offset, key));
                return expected;
            }
        }

        await RemoveAsync();
        return actual;
    }

    /// <summary>The key of a blob without parts.</summary>
    private async Task<string> StoreSmallAsync()
    {
        await StoreTailAsync();
        if (saved.Tail is { } tail) return tail;
        var key = $"{Key}-{Lease.Holder}-0";
        await shared.Store.PutAsync(key, ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        return key;
    }

    /// <summary>
    /// Puts the parts together. Which they are is noted before: whoever goes on after a crash makes the same of them.
    /// </summary>
    private async Task<string> StorePartsAsync(Digest expected, CancellationToken cancellationToken)
    {
        if (row.Closing is null)
        {
            if (filling is null && saved.Tail is not null) await PrepareAsync(cancellationToken);
            if (filling is { Length: > 0 })
            {
                await SendAsync(expected.Value, cancellationToken);
                await SentAsync();
            }
            else
            {
                await AdvanceAsync(saved, null, expected.Value);
            }
        }

        var parts = await shared.Rows.PartsAsync(row.Id);
        if (parts.Sum(p => p.Size) is var written && written != Offset)
        {
            throw new InvalidDataException($"The parts of the upload {row.Id} have {written} bytes; {Offset} were received.");
        }

        await shared.Store.CompleteAsync(
            Key,
            saved.Multipart ?? throw new InvalidDataException($"The upload {row.Id} has parts of nothing."),
            parts,
            cancellationToken);
        return Key;
    }

    private async Task<Digest> HashAsync(string key, HashAlgorithmName by, CancellationToken cancellationToken)
    {
        using var reader = await OpenAsync(key, cancellationToken);
        using var computed = IncrementalHash.CreateHash(by);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            while (await reader.ReadAsync(buffer, cancellationToken) is var read and > 0) computed.AppendData(buffer, 0, read);
            return Digest.Of(by, computed.GetCurrentHash());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task BecomeAsync(BlobRecord blob)
    {
        var unused = tails.Where(t => t != blob.Key).ToList();
        var dropped = await shared.Rows.FinishAsync(row, Lease.Holder, repository, blob, unused) ?? throw new LeaseLostException();
        (hasFinished, IsOver) = (true, true);
        await LeaveMemoryAsync();
        await LetGoAsync();
        await shared.DeleteQueuedAsync(dropped);
    }

    private void Begin(UploadRow taken)
    {
        row = taken;
        entered = saved = row.Progress;
        hash = new ResumableHash(algorithm, saved.Hash);
        Offset = saved.Received;
        if (saved.Tail is { } tail) tails.Add(tail);
    }

    private async Task LeaveAsync()
    {
        if (lease is not { } held) return;
        await LeaveMemoryAsync();
        if (mustRewind) await TryRewindAsync(); // the database may answer again by now
        await LetGoAsync();
        try
        {
            await ReleaseAsync(held.Holder);
        }
        catch (DatabaseUnavailableException)
        {
            // What was acknowledged is noted; the lease ends by itself.
        }
    }

    private async ValueTask LetGoAsync()
    {
        if (lease is not { } held) return;
        lease = null;
        await shared.LetGoAsync(held);
    }

    /// <summary>Waits for what is on its way: how it ends changes nothing any more. Then gives the memory back.</summary>
    private async Task LeaveMemoryAsync()
    {
        if (sending is { } last) await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        sending = null;
        GiveBack();
    }

    private void GiveBack()
    {
        filling?.Dispose();
        filling = null;
    }

    private sealed class Turn(ObjectUploadSession session) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await session.LeaveAsync();
    }

    /// <summary>Another request has the session by now.</summary>
    private sealed class LeaseLostException() : ObjectStoreException("another request has taken the upload over");
}
