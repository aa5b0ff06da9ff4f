using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// The memory that all connections of a server receive into and send from: large blocks, which take a large body in few system calls, as
/// long as few are in use; and small ones beyond that, so that thousands of slow clients cost no more than with small blocks alone.
/// A connection that waits for its next request holds none.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    /// <summary>The sizes of a block, in bytes.</summary>
    public const int SmallSize = 4096, LargeSize = 128 * 1024;

    /// <summary>How many large blocks may be in use: 8 MiB. A request that receives a large body has one or two at a time.</summary>
    public const int MaxLarge = 64;

    // Small blocks that are kept while nobody uses them: 4 MiB.
    private const int MaxIdleSmall = 1024;

    private readonly Lock gate = new();
    private readonly Stack<byte[]> idleLarge = new(); // these four under the gate
    private readonly Stack<byte[]> idleSmall = new();
    private int largeInUse;
    private int smallInUse;

    /// <summary>How many blocks are in use.</summary>
    public int InUse
    {
        get
        {
            lock (gate) return largeInUse + smallInUse;
        }
    }

    /// <inheritdoc/>
    public override int MaxBufferSize => LargeSize;

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    /// <summary>Rents a block. What it holds is left over from its last use.</summary>
    /// <param name="minBufferSize">The least it must hold, in bytes, at most <see cref="LargeSize"/>; -1 for any.</param>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, LargeSize);
        bool isLarge;
        byte[]? block;
        lock (gate)
        {
            isLarge = largeInUse < MaxLarge || minBufferSize > SmallSize;
            _ = isLarge ? largeInUse++ : smallInUse++;
            (isLarge ? idleLarge : idleSmall).TryPop(out block);
        }

        return new Rental(this, block ?? GC.AllocateUninitializedArray<byte>(isLarge ? LargeSize : SmallSize, pinned: true));
    }

    /// <summary>Does nothing: the pool lives as long as the process, and the collector takes its blocks.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Return(byte[] block)
    {
        var isLarge = block.Length == LargeSize;
        lock (gate)
        {
            _ = isLarge ? largeInUse-- : smallInUse--;
            var (idle, most) = isLarge ? (idleLarge, MaxLarge) : (idleSmall, MaxIdleSmall);
            if (idle.Count < most) idle.Push(block); // the last returned is rented first: the processor's caches know it
        }
    }

    /// <summary>
    /// One use of a block. It ends once, however often it is disposed: by then, the block may be in somebody else's hands.
    /// </summary>
    private sealed class Rental(BlockPool pool, byte[] block) : IMemoryOwner<byte>
    {
        private byte[]? held = block;

        public Memory<byte> Memory =>
            held is { } bytes
                ? MemoryMarshal.CreateFromPinnedArray(bytes, 0, bytes.Length)
                : throw new ObjectDisposedException(nameof(BlockPool), "The block has been returned.");

        public void Dispose()
        {
            if (Interlocked.Exchange(ref held, null) is { } bytes) pool.Return(bytes);
        }
    }
}
