namespace AuthIndex.TokenServer.Keys;

/// <summary>One signing key and its file.</summary>
/// <param name="Path">Its path.</param>
/// <param name="SignsFrom">When it starts to sign, from its name; until then it is only published.</param>
/// <param name="Key">The key.</param>
internal sealed record KeyFile(string Path, DateTimeOffset SignsFrom, SigningKey Key)
{
    /// <summary>
    /// When this process may sign with it: later than <see cref="SignsFrom"/> if it appeared too late to be known by then.
    /// </summary>
    public DateTimeOffset UsableFrom { get; init; } = SignsFrom;
}
