using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace AuthIndex.Load;

/// <summary>
/// Fills the database of a registry with repositories of ten images each, so that it can be measured how large ones behave. Only rows are
/// written: the store has none of the blobs' bytes. The last image of a repository refers to the first as its subject.
/// </summary>
/// <param name="connection">The connection string; its account must be a superuser, because references are not checked meanwhile.</param>
internal sealed class RegistrySeed(string connection)
{
    /// <summary>The images, tags and blobs of a repository.</summary>
    public const int PerRepository = 10;

    private const int AtOnce = 5_000;
    private const long Long = 1_700_000_000; // when everything was pushed

    private int garbageRounds;

    /// <summary>The name of a repository, from 0.</summary>
    public static string Repository(int number) => string.Create(CultureInfo.InvariantCulture, $"public/app-{number}");

    /// <summary>The tag of an image, from 1 to <see cref="PerRepository"/>.</summary>
    public static string Tag(int image) => string.Create(CultureInfo.InvariantCulture, $"v{image}");

    /// <summary>The digest of an image's blob.</summary>
    public static string Blob(int repository, int image) =>
        DigestOf(string.Create(CultureInfo.InvariantCulture, $"blob {repository} {image}"));

    /// <summary>The digest of a repository's first image, which the last one refers to.</summary>
    public static string Subject(int repository) => DigestOf(Manifest(Blob(repository, 1), ""));

    /// <summary>Adds repositories.</summary>
    /// <param name="from">The number of the first.</param>
    /// <param name="to">The number after the last.</param>
    public async Task AddAsync(int from, int to)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        for (var at = from; at < to; at += AtOnce)
        {
            await RunAsync(source, string.Create(CultureInfo.InvariantCulture, $$"""
                BEGIN;
                SET LOCAL session_replication_role = replica;
                INSERT INTO repositories (name, created_at)
                SELECT 'public/app-' || n, {{Long}} FROM generate_series({{at}}, {{Math.Min(at + AtOnce, to) - 1}}) n;
                CREATE TEMPORARY TABLE images ON COMMIT DROP AS
                SELECT r.id AS repository, n, image, 'sha256:' || encode(sha256(convert_to('blob ' || n || ' ' || image, 'UTF8')), 'hex') AS blob,
                       NULL::bytea AS bytes, NULL::text AS digest, NULL::text AS subject
                FROM generate_series({{at}}, {{Math.Min(at + AtOnce, to) - 1}}) n
                JOIN repositories r ON r.name = 'public/app-' || n CROSS JOIN generate_series(1, {{PerRepository}}) image;
                UPDATE images SET bytes = convert_to('{{Manifest("' || blob || '", "")}}', 'UTF8');
                UPDATE images SET digest = 'sha256:' || encode(sha256(bytes), 'hex');
                UPDATE images i SET subject = f.digest FROM images f WHERE f.n = i.n AND f.image = 1 AND i.image = {{PerRepository}};
                UPDATE images SET bytes = convert_to('{{Manifest("' || blob || '", SubjectField("' || subject || '"))}}', 'UTF8')
                WHERE subject IS NOT NULL;
                UPDATE images SET digest = 'sha256:' || encode(sha256(bytes), 'hex') WHERE subject IS NOT NULL;
                INSERT INTO blobs (digest, key, size, stored_at, verified_at) SELECT blob, 'seed/' || blob, 1024, {{Long}}, {{Long}} FROM images;
                INSERT INTO blob_links (repository, digest, linked_at) SELECT repository, blob, {{Long}} FROM images;
                INSERT INTO manifest_contents (digest, bytes) SELECT digest, bytes FROM images;
                INSERT INTO manifests (repository, digest, media_type, size, artifact_type, subject, pushed_at, pushed_by, touched_at)
                SELECT repository, digest, '{{PushClient.ManifestType}}', length(bytes), 'application/vnd.oci.image.config.v1+json', subject,
                       {{Long}}, 'admin', {{Long}} FROM images;
                INSERT INTO manifest_references (repository, manifest, target, is_required) SELECT repository, digest, blob, true FROM images;
                INSERT INTO tags (repository, name, digest, moved_at, moved_by)
                SELECT repository, 'v' || image, digest, {{Long}}, 'admin' FROM images;
                INSERT INTO tag_history (repository, name, new_digest, at, by)
                SELECT repository, 'v' || image, digest, {{Long}}, 'admin' FROM images;
                COMMIT;
                """));
        }

        await RunAsync(source, "VACUUM ANALYZE");
    }

    /// <summary>Adds blobs that nothing needs, one in each of the first repositories, for a collection to find.</summary>
    /// <param name="count">How many.</param>
    public async Task AddGarbageAsync(int count)
    {
        garbageRounds++;
        await using var source = NpgsqlDataSource.Create(connection);
        await RunAsync(source, string.Create(CultureInfo.InvariantCulture, $"""
            BEGIN;
            CREATE TEMPORARY TABLE garbage ON COMMIT DROP AS
            SELECT id, 'sha256:' || encode(sha256(convert_to('garbage {garbageRounds} ' || id, 'UTF8')), 'hex') AS digest
            FROM repositories ORDER BY id LIMIT {count};
            INSERT INTO blobs (digest, key, size, stored_at, verified_at) SELECT digest, 'seed/' || digest, 1024, {Long}, {Long} FROM garbage;
            INSERT INTO blob_links (repository, digest, linked_at) SELECT id, digest, {Long} FROM garbage;
            INSERT INTO reviews (kind, repository, digest, due) SELECT 'link', id, digest, 0 FROM garbage;
            COMMIT;
            """));
    }

    private static async Task RunAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    private static string Manifest(string blob, string subject) =>
        $$"""{"schemaVersion":2,"mediaType":"{{PushClient.ManifestType}}","config":{{Descriptor("config.v1+json", blob, "1024")}},"""
        + $"\"layers\":[]{subject}}}";

    private static string SubjectField(string digest) => $",\"subject\":{Descriptor("manifest.v1+json", digest, "300")}";

    private static string Descriptor(string type, string digest, string size) =>
        $$"""{"mediaType":"application/vnd.oci.image.{{type}}","digest":"{{digest}}","size":{{size}}}""";

    private static string DigestOf(string text) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";
}
