namespace AuthIndex.TokenServer.Keys;

/// <summary>The state of a key; it goes through all four in this order.</summary>
internal enum KeyState
{
    /// <summary>Published, so that registries know it by the time it signs.</summary>
    Next,

    /// <summary>In use: signs tokens and is published.</summary>
    Signing,

    /// <summary>No longer signs; published until the last token that it signed has expired.</summary>
    Retiring,

    /// <summary>Neither signs nor is published.</summary>
    Retired,
}

/// <summary>
/// The keys read from their folder at one moment. For each algorithm the newest key whose time has come signs; the files' names and the
/// time alone determine which keys sign and are published.
/// </summary>
internal sealed class KeyRing
{
    /// <summary>
    /// The least time that a key is published before it signs: a registry fetches the keys every five minutes, from caches that may
    /// be a minute old.
    /// </summary>
    public static readonly TimeSpan LeastAhead = TimeSpan.FromMinutes(6);

    /// <summary>The most time that a key can be published before it signs.</summary>
    public static readonly TimeSpan MostAhead = TimeSpan.FromDays(30);

    /// <summary>The longest life of a token that can be configured.</summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromDays(1);

    // Registries may grant expired tokens up to a minute, and another server may sign with the older key a little longer.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1) + LeastAhead;

    private readonly TimeSpan lifetime;

    /// <summary>Creates the ring from the keys of a folder.</summary>
    /// <param name="files">The keys, newest first.</param>
    /// <param name="lifetime">The longest lifetime of tokens.</param>
    public KeyRing(IReadOnlyList<KeyFile> files, TimeSpan lifetime)
    {
        Files = files;
        this.lifetime = lifetime;
    }

    /// <summary>Every key, newest first, retired ones too.</summary>
    public IReadOnlyList<KeyFile> Files { get; }

    /// <summary>The key that signs; null when there is none of the algorithm.</summary>
    public SigningKey? SignerOf(string algorithm, DateTimeOffset now) => SignerFile(algorithm, now)?.Key;

    /// <summary>The keys to publish and to trust, newest first.</summary>
    public IEnumerable<SigningKey> Published(DateTimeOffset now) =>
        Files.Where(f => StateOf(f, now) != KeyState.Retired).Select(f => f.Key).DistinctBy(k => k.Id, StringComparer.Ordinal);

    /// <summary>The state of a key at a time.</summary>
    public KeyState StateOf(KeyFile file, DateTimeOffset now)
    {
        if (file == SignerFile(file.Key.Algorithm, now)) return KeyState.Signing;
        if (SignsUntil(file) is not { } until || until > now) return KeyState.Next;
        return now < until + lifetime + Margin ? KeyState.Retiring : KeyState.Retired;
    }

    /// <summary>When a newer key takes its place; null while there is none.</summary>
    public DateTimeOffset? SignsUntil(KeyFile file)
    {
        DateTimeOffset? until = null;
        foreach (var newer in Files)
        {
            if (newer == file) return until;
            if (newer.Key.Algorithm == file.Key.Algorithm && !(until < newer.UsableFrom)) until = newer.UsableFrom;
        }

        return until;
    }

    /// <summary>Whether a key starts to sign later than any rotation with a correct clock could have set.</summary>
    public static bool IsMisdated(KeyFile file, DateTimeOffset now) => file.SignsFrom > now + MostAhead + TimeSpan.FromMinutes(1);

    /// <summary>When it is no longer published; null while there is no newer key.</summary>
    public DateTimeOffset? PublishedUntil(KeyFile file) => SignsUntil(file) + lifetime + Margin;

    private KeyFile? SignerFile(string algorithm, DateTimeOffset now)
    {
        KeyFile? due = null, oldest = null;
        foreach (var file in Files)
        {
            if (file.Key.Algorithm != algorithm) continue;
            if (file.UsableFrom <= now) return file;
            if (file.SignsFrom <= now) due ??= file;
            oldest = file;
        }

        // If no key has been published long enough, a token whose key registries must fetch is better than none.
        return due ?? oldest;
    }
}
