using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Files;

/// <summary>
/// An upload session: bytes that arrive in order into one file, hashed while they are written. It belongs to one repository and
/// one account, and to one request at a time; from one whose client has fallen silent a newer request takes it over. The hash lives
/// in memory; after a restart it is computed again from the file.
/// </summary>
internal sealed class FileUploadSession(
    UploadId id,
    RepositoryName repository,
    string account,
    HashAlgorithmName algorithm,
    string file,
    FileUploadStore store,
    FreeSpace space,
    TimeProvider clock)
    : IUploadSession, IDisposable
{
    private const int WriteSize = 256 * 1024;
    private const long SpaceCheckInterval = 4 * 1024 * 1024;

    // Longer than two wakes of the reading request, so that it has been seen to bring nothing.
    private static readonly TimeSpan SilentAfter = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private Turn? holder; // this and the next under the gate
    private bool isOver;
    private IncrementalHash? hash;
    private long nextSpaceCheck;

    /// <inheritdoc/>
    public UploadId Id => id;

    /// <summary>Where the blob will be.</summary>
    public RepositoryName Repository => repository;

    /// <summary>Whose it is; empty for an anonymous caller.</summary>
    public string Account => account;

    /// <summary>The file with the bytes.</summary>
    public string DataFile => file;

    /// <inheritdoc/>
    public long Offset { get; private set; } = File.Exists(file) ? new FileInfo(file).Length : 0;

    /// <inheritdoc/>
    public bool IsOver
    {
        get
        {
            lock (gate) return isOver;
        }
    }

    /// <summary>Takes the session for one request; null while another has it and once it is over. Disposing gives it back.</summary>
    public IDisposable? TryEnter()
    {
        lock (gate) return isOver || holder is not null ? null : holder = new Turn(this);
    }

    /// <inheritdoc/>
    public async Task<IAsyncDisposable?> EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Turn other;
            lock (gate)
            {
                if (isOver) return null;
                if (holder is null) return holder = new Turn(this);
                other = holder;
            }

            if (!other.Leaves(clock)) return null;
            await other.Ended.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    /// <remarks>What has come is written each second, however little it is.</remarks>
    public async Task<long?> AppendAsync(PipeReader body, CancellationToken cancellationToken)
    {
        Turn? turn; // none for a session that lasts one request
        lock (gate) turn = holder;
        using var handle = OpenFile();
        var running = await EnsureHashAsync(handle, cancellationToken);
        var start = Offset;
        var record = RequestRecord.Current;
        record?.Received ??= 0;
        turn?.Receive(body, clock.GetTimestamp());
        await using var wakes = BodyWait.WakeEverySecond(body, clock);
        while (true)
        {
            var read = await body.ReadAtLeastAsync(WriteSize, CancellationToken.None);
            try
            {
                if (!read.Buffer.IsEmpty && Offset >= nextSpaceCheck) CheckSpace();
                Write(handle, running, read.Buffer);
            }
            catch (IOException)
            {
                body.AdvanceTo(read.Buffer.End); // otherwise the server could read no more, and would hang up in place of answering
                Truncate(handle, start);
                throw;
            }

            record?.Received += read.Buffer.Length;
            if (!read.Buffer.IsEmpty) turn?.Hear(clock.GetTimestamp());
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                turn?.Close();
                Fault.Pass(FaultPoint.UploadAppended);
                return Offset - start;
            }

            if (turn is { IsGivenUp: true }) return null;
        }
    }

    /// <inheritdoc/>
    public Task<bool> TruncateAsync(long offset)
    {
        using var handle = OpenFile();
        Truncate(handle, offset);
        return Task.FromResult(true);
    }

    /// <inheritdoc/>
    public Task<bool> SaveAsync() => Task.FromResult(true);

    /// <inheritdoc/>
    public async Task<Digest?> FinishAsync(Digest expected, CancellationToken cancellationToken) =>
        await store.FinishAsync(this, expected, cancellationToken);

    /// <inheritdoc/>
    public Task RemoveAsync()
    {
        store.Remove(this);
        return Task.CompletedTask;
    }

    /// <summary>The digest of what the session holds, by the algorithm of the digest that the client expects.</summary>
    public async Task<Digest> ComputeDigestAsync(HashAlgorithmName expected, CancellationToken cancellationToken)
    {
        using var handle = OpenFile();
        if (expected == algorithm) return Digest.Of(expected, (await EnsureHashAsync(handle, cancellationToken)).GetCurrentHash());
        using var other = await HashFileAsync(handle, expected, cancellationToken);
        return Digest.Of(expected, other.GetCurrentHash());
    }

    /// <inheritdoc/>
    public bool Has(Digest digest) =>
        Offset > 0 && digest.Algorithm == algorithm && hash is not null && Digest.Of(algorithm, hash.GetCurrentHash()) == digest;

    /// <summary>Makes the bytes durable, exactly those that were hashed.</summary>
    public void Flush()
    {
        using var handle = OpenFile();
        var length = RandomAccess.GetLength(handle);
        if (length < Offset) throw new IOException($"The upload file {file} has {length} bytes; {Offset} were received.");
        if (length > Offset) RandomAccess.SetLength(handle, Offset);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>Ends the session for good.</summary>
    public void Dispose()
    {
        lock (gate) isOver = true;
        hash?.Dispose();
    }

    private void CheckSpace()
    {
        space.Demand();
        nextSpaceCheck = Offset + SpaceCheckInterval;
    }

    private void Truncate(SafeFileHandle handle, long offset)
    {
        RandomAccess.SetLength(handle, offset);
        Offset = offset;
        nextSpaceCheck = offset;
        hash?.Dispose();
        hash = null;
    }

    private void Write(SafeFileHandle handle, IncrementalHash running, ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        if (bytes.IsSingleSegment)
        {
            RandomAccess.Write(handle, bytes.FirstSpan, Offset);
        }
        else
        {
            var segments = new List<ReadOnlyMemory<byte>>();
            foreach (var segment in bytes) segments.Add(segment);
            RandomAccess.Write(handle, segments, Offset);
        }

        // Only what is written counts: after a failed write the bytes behind Offset are overwritten or cut off.
        foreach (var segment in bytes) running.AppendData(segment.Span);
        Offset += bytes.Length;
    }

    private async ValueTask<IncrementalHash> EnsureHashAsync(SafeFileHandle handle, CancellationToken cancellationToken) =>
        hash ??= Offset == 0 ? IncrementalHash.CreateHash(algorithm) : await HashFileAsync(handle, algorithm, cancellationToken);

    private async Task<IncrementalHash> HashFileAsync(SafeFileHandle handle, HashAlgorithmName by, CancellationToken cancellationToken)
    {
        var computed = IncrementalHash.CreateHash(by);
        var buffer = ArrayPool<byte>.Shared.Rent(WriteSize);
        try
        {
            for (var at = 0L; at < Offset;)
            {
                var read = await RandomAccess.ReadAsync(
                    handle, buffer.AsMemory(0, (int)Math.Min(buffer.Length, Offset - at)), at, cancellationToken);
                if (read == 0) throw new IOException($"The upload file {file} is shorter than the {Offset} bytes received.");
                computed.AppendData(buffer, 0, read);
                at += read;
            }

            return computed;
        }
        catch
        {
            computed.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private SafeFileHandle OpenFile() =>
        File.OpenHandle(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);

    /// <summary>What one request does with the session while it has it.</summary>
    private sealed class Turn(FileUploadSession session) : IDisposable, IAsyncDisposable
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock changing = new();
        private PipeReader? body; // while it is being received
        private long heardAt;
        private bool hasBody; // all of it: what is left to do is short

        public Task Ended => ended.Task;

        public bool IsGivenUp
        {
            get
            {
                lock (changing) return field;
            }

            private set;
        }

        public void Receive(PipeReader source, long now)
        {
            lock (changing) (body, heardAt) = (source, now);
        }

        public void Hear(long now)
        {
            lock (changing) heardAt = now;
        }

        public void Close()
        {
            lock (changing) (body, hasBody) = (null, true);
        }

        /// <summary>Whether the request is about to leave; one that has brought nothing for a while is made to.</summary>
        public bool Leaves(TimeProvider clock)
        {
            lock (changing)
            {
                if (hasBody || IsGivenUp) return true;
                if (body is null || clock.GetElapsedTime(heardAt) < SilentAfter) return false;
                IsGivenUp = true;
                body.CancelPendingRead();
                return true;
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        public void Dispose()
        {
            lock (changing) body = null; // its connection may serve another request from now on
            lock (session.gate)
            {
                if (session.holder == this) session.holder = null;
            }

            ended.TrySetResult();
        }
    }
}
