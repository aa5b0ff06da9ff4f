namespace AuthIndex.TokenServer.Keys;

/// <summary>The keys in force: one signs, all are published and verify.</summary>
internal sealed class KeyRing(IReadOnlyList<KeyFile> newestFirst)
{
    /// <summary>The key that signs: the newest.</summary>
    public SigningKey Signer => newestFirst[0].Key;

    /// <summary>Every key, newest first.</summary>
    public IEnumerable<SigningKey> All => newestFirst.Select(f => f.Key);

    /// <summary>How many keys there are.</summary>
    public int Count => newestFirst.Count;
}
