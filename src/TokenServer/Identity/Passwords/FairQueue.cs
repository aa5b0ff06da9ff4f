using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>On whose behalf something waits.</summary>
/// <param name="Network">Where the request came from; <see cref="ClientNetwork.Unknown"/> for the server's own questions.</param>
/// <param name="Account">The account that it is about, as it was typed.</param>
/// <param name="Registry">
/// The registry that passed the request on, and whose word the network is; empty for a request that came directly. What fails through a
/// registry is counted apart, so that one that lies locks nobody out elsewhere.
/// </param>
internal readonly record struct Requester(ClientNetwork Network, string Account, string Registry = "");

/// <summary>
/// A fair queue: networks and registries take turns, and accounts within one take turns. When it is full, the one with the most items
/// loses its newest one; a newcomer that already has as many is rejected. Not thread-safe.
/// </summary>
/// <param name="capacity">The most that wait.</param>
internal sealed class FairQueue<T>(int capacity) where T : class
{
    private readonly FairGroup<(ClientNetwork Network, string Registry), FairGroup<string, Backlog>> sources = new(
        EqualityComparer<(ClientNetwork, string)>.Default,
        () => new FairGroup<string, Backlog>(StringComparer.OrdinalIgnoreCase, () => new Backlog()));

    /// <summary>The number of items in the queue.</summary>
    public int Count => sources.Count;

    /// <summary>Adds an item, which may evict another when the queue is full.</summary>
    /// <returns>The item that was evicted or rejected; null when there was room.</returns>
    public T? Add(Requester by, T item)
    {
        T? dropped = null;
        if (Count >= capacity)
        {
            dropped = Drop(by);
            if (dropped is null) return item;
        }

        sources.Enter(SourceOf(by), accounts => accounts.Enter(by.Account, line => line.Add(item)));
        return dropped;
    }

    /// <summary>Takes the item whose turn it is; null when none waits.</summary>
    public T? Take()
    {
        T? taken = null;
        sources.Next(accounts => accounts.Next(line => taken = line.TakeOldest()));
        return taken;
    }

    // All that a registry passes on has one turn: the addresses are its word.
    private static (ClientNetwork Network, string Registry) SourceOf(Requester by) =>
        by.Registry.Length == 0 ? (by.Network, "") : (ClientNetwork.Unknown, by.Registry);

    private T? Drop(Requester by)
    {
        T? dropped = null;
        var most = sources.Longest();
        if (sources.CountOf(SourceOf(by)) + 1 < sources.CountOf(most))
        {
            sources.At(most, accounts => accounts.At(accounts.Longest(), line => dropped = line.TakeYoungest()));
            return dropped;
        }

        sources.At(SourceOf(by), accounts =>
        {
            var longest = accounts.Longest();
            if (accounts.CountOf(by.Account) + 1 < accounts.CountOf(longest)) accounts.At(longest, line => dropped = line.TakeYoungest());
        });
        return dropped;
    }

    private interface ICounted
    {
        int Count { get; }
    }

    /// <summary>The items of one account from one network, the oldest first.</summary>
    private sealed class Backlog : ICounted
    {
        private readonly LinkedList<T> items = new();

        public int Count => items.Count;

        public void Add(T item) => items.AddLast(item);

        public T TakeOldest() => Take(items.First);

        public T TakeYoungest() => Take(items.Last);

        private T Take(LinkedListNode<T>? node)
        {
            if (node is null) throw new InvalidOperationException("A backlog without items is in no group.");
            items.Remove(node);
            return node.Value;
        }
    }

    /// <summary>Groups that take turns; a group is there only while something of it waits.</summary>
    private sealed class FairGroup<TKey, TGroup>(IEqualityComparer<TKey> comparer, Func<TGroup> make) : ICounted
        where TKey : notnull
        where TGroup : class, ICounted
    {
        private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TGroup Group)>> byKey = new(comparer);
        private readonly LinkedList<(TKey Key, TGroup Group)> turns = new();

        /// <summary>How many items wait in all groups.</summary>
        public int Count { get; private set; }

        public int CountOf(TKey key) => byKey.TryGetValue(key, out var node) ? node.Value.Group.Count : 0;

        /// <summary>The group of which most waits; only asked where something does.</summary>
        public TKey Longest() => turns.MaxBy(t => t.Group.Count).Key;

        /// <summary>Adds to a group, which stands at the end when it is new.</summary>
        public void Enter(TKey key, Action<TGroup> add)
        {
            if (!byKey.TryGetValue(key, out var node)) byKey[key] = node = turns.AddLast((key, make()));
            add(node.Value.Group);
            Count++;
        }

        /// <summary>Takes from the group whose turn it is, which goes to the end.</summary>
        public void Next(Action<TGroup> take)
        {
            if (turns.First is not { } node) return;
            turns.RemoveFirst();
            turns.AddLast(node);
            At(node.Value.Key, take);
        }

        /// <summary>Takes from a group; what was taken is found by its count.</summary>
        public void At(TKey key, Action<TGroup> take)
        {
            if (!byKey.TryGetValue(key, out var node)) return;
            var before = node.Value.Group.Count;
            take(node.Value.Group);
            Count -= before - node.Value.Group.Count;
            if (node.Value.Group.Count > 0) return;
            turns.Remove(node);
            byKey.Remove(key);
        }
    }
}
