using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>Rotates signing keys, one rotation at a time per folder.</summary>
internal sealed class KeyRotation(KeyDemands demands, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Creates a key that is published now and signs later, and removes keys that no token needs any more and keys created while the clock
    /// was wrong.
    /// </summary>
    /// <param name="algorithm">The algorithm; null for the one that the services use.</param>
    /// <param name="ahead">How long it is published before it signs.</param>
    /// <param name="output">Receives a line for each change.</param>
    /// <param name="cancellationToken">Ends the wait for another rotation.</param>
    /// <exception cref="OperatorException">There is a next key already, several algorithms to choose from, or a key that cannot be
    /// used.</exception>
    public async Task RotateAsync(string? algorithm, TimeSpan ahead, TextWriter output, CancellationToken cancellationToken)
    {
        using var held = await HoldAsync(cancellationToken);
        var ring = new KeyRing(KeyDirectory.Load(demands.Directory), KeyRing.LongestLifetime);
        algorithm ??= demands.Algorithms.Count == 1
            ? demands.Algorithms.Single()
            : throw new OperatorException($"the services use {string.Join(" and ", demands.Algorithms)}: choose one with --algorithm");
        var now = time.GetUtcNow();
        var coming = ring.Files.Where(f => f.Key.Algorithm == algorithm && ring.StateOf(f, now) == KeyState.Next).ToList();
        if (coming.Find(f => !KeyRing.IsMisdated(f, now)) is { } next)
        {
            throw new OperatorException(
                $"there is already a next key for {algorithm}, {next.Key.Id}, which signs from "
                + $"{next.SignsFrom.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}");
        }

        // The first key of an algorithm replaces none, so it signs immediately.
        var file = Make(algorithm, ring.SignerOf(algorithm, now) is null ? TimeSpan.Zero : ahead);
        output.WriteLine(
            $"created the signing key {file.Key.Id}, which signs from {file.SignsFrom.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ} ({file.Path})");
        foreach (var misdated in coming)
        {
            output.WriteLine(
                $"the key {misdated.Key.Id} would have started signing only at "
                + $"{misdated.SignsFrom.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}: the clock was wrong when it was created");
            Remove(misdated, output);
        }

        foreach (var retired in ring.Files.Where(f => ring.StateOf(f, now) == KeyState.Retired)) Remove(retired, output);
    }

    /// <summary>Replaces every key immediately. Tokens signed before are refused as soon as registries know.</summary>
    /// <param name="output">Receives a line for each change.</param>
    /// <param name="cancellationToken">Ends the wait for another rotation.</param>
    /// <exception cref="OperatorException">A key cannot be used.</exception>
    public async Task ReplaceAllAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var held = await HoldAsync(cancellationToken);
        var old = KeyDirectory.Load(demands.Directory);

        // The new ones first: whatever happens in between, servers can sign.
        foreach (var algorithm in old.Select(f => f.Key.Algorithm).Union(demands.Algorithms, StringComparer.Ordinal))
        {
            var file = Make(algorithm, TimeSpan.Zero);
            output.WriteLine($"created the signing key {file.Key.Id}, which signs immediately ({file.Path})");
        }

        foreach (var file in old) Remove(file, output);
        if (File.Exists(TokenAuthority.BundlePath(demands.Directory)))
        {
            output.WriteLine(
                $"the key of the token signing CA is in the same folder: if it may be compromised too, remove "
                + $"{Path.GetDirectoryName(TokenAuthority.BundlePath(demands.Directory))}, run keys certificates, give the registries the "
                + $"new bundle and restart the token servers");
        }
    }

    private static void Remove(KeyFile file, TextWriter output)
    {
        KeyDirectory.Remove(file.Path);
        output.WriteLine($"removed the signing key {file.Key.Id} ({file.Path})");
    }

    private KeyFile Make(string algorithm, TimeSpan ahead) =>
        KeyDirectory.Read(KeyDirectory.Create(demands.Directory, time, algorithm, ahead));

    private Task<IDisposable> HoldAsync(CancellationToken cancellationToken) =>
        FileLock.TakeAsync(Path.Combine(demands.Directory, "lock"), Patience, cancellationToken);
}
