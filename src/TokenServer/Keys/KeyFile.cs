namespace AuthIndex.TokenServer.Keys;

/// <summary>One key file.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="SignsFrom">From when it signs, as its name says; until then it is only published.</param>
/// <param name="Key">What it holds.</param>
internal sealed record KeyFile(string Path, DateTimeOffset SignsFrom, SigningKey Key)
{
    /// <summary>
    /// From when this process may sign with it: later than <see cref="SignsFrom"/> where it came too late to be known by then.
    /// </summary>
    public DateTimeOffset UsableFrom { get; init; } = SignsFrom;
}
