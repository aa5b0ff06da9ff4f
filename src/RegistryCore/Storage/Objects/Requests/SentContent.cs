using System.Runtime.InteropServices;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>Content on its way to the store: each piece that is taken of it is progress.</summary>
internal sealed class SentContent : MemoryStream
{
    private readonly Attempt attempt;

    private SentContent(ArraySegment<byte> bytes, Attempt attempt)
        : base(bytes.Array ?? [], bytes.Offset, bytes.Count, writable: false) => this.attempt = attempt;

    /// <summary>Content for one attempt: one that was given up may still be reading.</summary>
    public static SentContent Of(ReadOnlyMemory<byte> bytes, Attempt attempt) =>
        new(MemoryMarshal.TryGetArray(bytes, out var array) ? array : new ArraySegment<byte>(bytes.ToArray()), attempt);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Taken(base.Read(buffer, offset, count));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => Taken(base.Read(buffer));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? Task.FromCanceled<int>(cancellationToken)
            : Task.FromResult(Read(buffer, offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<int>(cancellationToken)
            : ValueTask.FromResult(Read(buffer.Span));

    private int Taken(int count)
    {
        attempt.Progress();
        return count;
    }
}
