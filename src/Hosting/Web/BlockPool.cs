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
    /// <summary>The bytes of a block.</summary>
    public const int SmallSize = 4096, LargeSize = 128 * 1024;

    /// <summary>How many large blocks may be in use: 8 MiB. A request that receives a large body has one or two at a time.</summary>
    public const int MaxLarge = 64;

    // Small blocks that are kept while nobody uses them: 4 MiB.
    private const int MaxIdleSmall = 1024;

    private readonly Lock gate = new();
    private readonly Stack<Block> idleLarge = new(); // these four under the gate
    private readonly Stack<Block> idleSmall = new();
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

    /// <summary>Rents a block.</summary>
    /// <param name="minBufferSize">The least it must hold, in bytes, at most <see cref="LargeSize"/>; -1 for any.</param>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, LargeSize);
        lock (gate)
        {
            var isLarge = largeInUse < MaxLarge || minBufferSize > SmallSize;
            _ = isLarge ? largeInUse++ : smallInUse++;
            var block = (isLarge ? idleLarge : idleSmall).TryPop(out var idle) ? idle : new Block(this, isLarge);
            block.IsRented = true;
            return block;
        }
    }

    /// <summary>Does nothing: the pool lives as long as the process, and the collector takes its blocks.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Return(Block block)
    {
        lock (gate)
        {
            if (!block.IsRented) return; // it has been returned, and may be somebody else's
            block.IsRented = false;
            _ = block.IsLarge ? largeInUse-- : smallInUse--;
            var (idle, most) = block.IsLarge ? (idleLarge, MaxLarge) : (idleSmall, MaxIdleSmall);
            if (idle.Count < most) idle.Push(block); // the last returned is rented first: the processor's caches know it
        }
    }

    private sealed class Block(BlockPool pool, bool isLarge) : IMemoryOwner<byte>
    {
        private readonly byte[] bytes = GC.AllocateUninitializedArray<byte>(isLarge ? LargeSize : SmallSize, pinned: true);

        public Memory<byte> Memory => MemoryMarshal.CreateFromPinnedArray(bytes, 0, bytes.Length);

        public bool IsLarge => isLarge;

        public bool IsRented { get; set; } // under the pool's gate

        public void Dispose() => pool.Return(this);
    }
}
