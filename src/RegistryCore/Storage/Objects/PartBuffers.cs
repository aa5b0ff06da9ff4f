using System.Buffers;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// The memory for parts on their way to the store: bounded for all uploads together, and for one account to half of that. Whoever wants
/// some waits in line; whoever has had some for a while makes room for those.
/// </summary>
internal sealed class PartBuffers
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private readonly LinkedList<Waiter> line = [];
    private readonly Dictionary<string, int> byAccount = new(StringComparer.Ordinal);
    private readonly int perAccount;
    private int free;

    /// <summary>Divides the memory.</summary>
    /// <param name="partSize">The size of a part in bytes.</param>
    /// <param name="most">All memory in bytes; one part at least is given out.</param>
    public PartBuffers(int partSize, long most)
    {
        PartSize = partSize;
        free = (int)Math.Max(1, most / partSize);
        perAccount = Math.Max(1, free / 2);
    }

    /// <summary>The size of a part in bytes.</summary>
    public int PartSize { get; }

    /// <summary>Whether somebody waits who gets the memory that an account gives back, rather than for another account's half.</summary>
    public bool IsShort(string account)
    {
        lock (gate)
        {
            return line.Any(w => w.Account == account || (free == 0 && byAccount.GetValueOrDefault(w.Account) < perAccount));
        }
    }

    /// <summary>Memory for one part, if there is some at once that nobody waits for.</summary>
    public PartBuffer? TryRent(string account)
    {
        lock (gate) return line.Count == 0 && TryTake(account) ? new PartBuffer(this, account) : null;
    }

    /// <summary>Memory for one part.</summary>
    /// <exception cref="ObjectStoreException">There was none within half a minute.</exception>
    public async ValueTask<PartBuffer> RentAsync(string account, CancellationToken cancellationToken)
    {
        LinkedListNode<Waiter> waiter;
        lock (gate)
        {
            if (TryTake(account)) return new PartBuffer(this, account);
            waiter = line.AddLast(new Waiter(account));
        }

        try
        {
            await waiter.Value.Turn.Task.WaitAsync(Patience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            lock (gate)
            {
                if (waiter.List is not null) line.Remove(waiter);
                else GiveBack(account); // it came at the same moment
            }

            if (e is OperationCanceledException) throw;
            throw new ObjectStoreException("the memory for uploads is in use (uploadMemory in registry.storage)");
        }

        return new PartBuffer(this, account);
    }

    internal void Return(string account)
    {
        lock (gate) GiveBack(account);
    }

    private bool TryTake(string account)
    {
        var own = byAccount.GetValueOrDefault(account);
        if (free == 0 || own >= perAccount) return false;
        (free, byAccount[account]) = (free - 1, own + 1);
        return true;
    }

    private void GiveBack(string account)
    {
        free++;
        if (--byAccount[account] == 0) byAccount.Remove(account);
        for (var at = line.First; at is not null && free > 0;)
        {
            var (waiter, next) = (at, at.Next);
            if (TryTake(waiter.Value.Account))
            {
                line.Remove(waiter);
                waiter.Value.Turn.SetResult();
            }

            at = next;
        }
    }

    private sealed record Waiter(string Account)
    {
        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>The bytes of one part; disposing gives the memory back.</summary>
internal sealed class PartBuffer(PartBuffers buffers, string account) : IDisposable
{
    private byte[]? bytes = ArrayPool<byte>.Shared.Rent(buffers.PartSize);

    /// <summary>How many bytes there are.</summary>
    public int Length { get; private set; }

    /// <summary>Whether it is a whole part.</summary>
    public bool IsFull => Length == buffers.PartSize;

    /// <summary>The room that is left.</summary>
    public Memory<byte> Room => Bytes.AsMemory(Length, buffers.PartSize - Length);

    private byte[] Bytes => bytes ?? throw new ObjectDisposedException(nameof(PartBuffer));

    /// <summary>Says that so many bytes were put into the room.</summary>
    public void Fill(int count) => Length += count;

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Content => Bytes.AsMemory(0, Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref bytes, null) is not { } rented) return;
        ArrayPool<byte>.Shared.Return(rented);
        buffers.Return(account);
    }
}
