using System.Text.Json;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Revocation;

/// <summary>
/// What a registry must know again after a restart: what is revoked, how far the list was read, and when it was last heard of.
/// </summary>
/// <param name="Position">How far the list was read.</param>
/// <param name="HeardAt">When the index last answered.</param>
/// <param name="Entries">The revocations in force.</param>
internal sealed record KnownRevocations(FeedPosition Position, DateTimeOffset HeardAt, IReadOnlyList<RevocationEntry> Entries);

/// <summary>The file <c>revocations.json</c> in the registry's folder.</summary>
internal sealed class RevocationFile(RegistryIdentity identity)
{
    /// <summary>The full path of the file.</summary>
    public string Path { get; } = System.IO.Path.Combine(identity.Folder, "revocations.json");

    /// <summary>Reads it; null when there is none.</summary>
    /// <exception cref="JsonException">It is damaged.</exception>
    public KnownRevocations? Read()
    {
        if (!File.Exists(Path)) return null;
        return JsonSerializer.Deserialize<KnownRevocations>(
            File.ReadAllBytes(Path), JsonSerializerOptions.Web) is { Position.Epoch: not null, Entries: { } entries } known
            && entries.All(e => e is { Kind: not null, Value: not null })
            ? known
            : throw new JsonException("it is not in form");
    }

    /// <summary>Replaces the file durably.</summary>
    /// <exception cref="IOException">It cannot be written; the old one is unchanged.</exception>
    public void Write(KnownRevocations known) =>
        DurableFile.Replace(Path, JsonSerializer.SerializeToUtf8Bytes(known, JsonSerializerOptions.Web));
}
