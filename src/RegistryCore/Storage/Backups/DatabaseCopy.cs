using AuthIndex.RegistryCore.Protocol;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Backups;

/// <summary>A blob that a copy of the database names.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="IsDamaged">Whether its bytes are known to be damaged.</param>
internal sealed record CopiedBlob(Digest Digest, long Size, bool IsDamaged);

/// <summary>A copy of a registry's database that nobody serves.</summary>
internal sealed class DatabaseCopy : IDisposable
{
    private readonly SqliteConnection db;

    public DatabaseCopy(string path)
    {
        db = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        db.Open();
    }

    /// <summary>The blobs that it names.</summary>
    public IReadOnlyList<CopiedBlob> Blobs() =>
    [
        .. db.Query<(string Digest, long Size, bool IsDamaged)>("SELECT digest, size, damaged_at IS NOT NULL FROM blobs ORDER BY digest")
            .Select(row => new CopiedBlob(Digest.ParseStored(row.Digest), row.Size, row.IsDamaged)),
    ];

    /// <summary>The manifests whose bytes are not those of their digest.</summary>
    public IReadOnlyList<Digest> DamagedManifests() =>
        [.. db.Query<(string Digest, byte[] Bytes)>("SELECT digest, bytes FROM manifest_contents", buffered: false)
            .Where(row => Digest.ParseStored(row.Digest) is var digest && Digest.Compute(digest.Algorithm, row.Bytes) != digest)
            .Select(row => Digest.ParseStored(row.Digest))];

    /// <summary>Notes that a blob's or manifest's bytes are lost, so that it is shown to nobody until it is pushed again.</summary>
    public void MarkDamaged(Digest digest, long now) => db.Execute(
        "UPDATE blobs SET damaged_at = @now WHERE digest = @digest; UPDATE manifest_contents SET damaged_at = @now WHERE digest = @digest",
        new { digest = digest.Value, now });

    /// <summary>Notes that a blob's bytes are there after all.</summary>
    public void MarkIntact(Digest digest) =>
        db.Execute("UPDATE blobs SET damaged_at = NULL WHERE digest = @digest AND damaged_at IS NOT NULL", new { digest = digest.Value });

    /// <inheritdoc/>
    public void Dispose() => db.Dispose();
}
