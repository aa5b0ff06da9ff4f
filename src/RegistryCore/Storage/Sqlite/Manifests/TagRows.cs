using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>
/// The rows of tags and of their history. A push moves tags in the commit that stores its manifest, so both stores share these
/// statements.
/// </summary>
internal static class TagRows
{
    /// <summary>The manifest that a tag points at; null when there is no such tag.</summary>
    public static Digest? DigestOf(SqliteConnection db, long repository, string tag) =>
        Digest.TryParse(
            db.QuerySingleOrDefault<string>(
                "SELECT digest FROM tags WHERE repository = @repository AND name = @tag", new { repository, tag }),
            out var digest)
            ? digest
            : null;

    /// <summary>The tags of a repository after one, in byte order.</summary>
    public static IReadOnlyList<string> List(SqliteConnection db, long repository, string after, int count) => db.Query<string>(
        "SELECT name FROM tags WHERE repository = @repository AND name > @after ORDER BY name LIMIT "
            + "@count", new { repository, after, count }).AsList();

    /// <summary>The tags that point at a manifest.</summary>
    public static IReadOnlyList<string> Of(SqliteConnection db, long repository, Digest digest) => db.Query<string>(
        "SELECT name FROM tags WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value }).AsList();

    /// <summary>The newest moves of a tag, the newest first.</summary>
    public static List<TagMove> History(
        SqliteConnection db, RepositoryName repository, string tag, int count = int.MaxValue) => db.Query<TagMove>(
        """
        SELECT h.at, h.by, h.old_digest AS OldDigest, h.new_digest AS NewDigest,
            EXISTS (
                SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                WHERE m.repository = h.repository AND m.digest = h.new_digest) AS IsPresent
        FROM tag_history h JOIN repositories r ON r.id = h.repository
        WHERE r.name = @name AND h.name = @tag ORDER BY h.id DESC LIMIT @count
        """,
        new { name = repository.Value, tag, count }).AsList();

    /// <summary>
    /// Points a tag at another manifest or removes it, adds to its history, and reports it to the index. Only inside a write.
    /// </summary>
    /// <param name="db">The writer's connection.</param>
    /// <param name="repository">The repository's row.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="from">What it points at now; null when it is new.</param>
    /// <param name="to">What it is to point at; null to remove it.</param>
    /// <param name="account">The account that moves it.</param>
    /// <param name="now">The time in Unix seconds.</param>
    public static void Move(SqliteConnection db, long repository, string tag, Digest? from, Digest? to, string account, long now)
    {
        var row = new { repository, tag, from = from?.Value, to = to?.Value, now, account };
        if (to is null) db.Execute("DELETE FROM tags WHERE repository = @repository AND name = @tag", row);
        else
        {
            db.Execute(
                """
                INSERT INTO tags (repository, name, digest, moved_at, moved_by) VALUES (@repository, @tag, @to, @now, @account)
                ON CONFLICT DO UPDATE SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by
                """,
                row);
        }

        db.Execute(
            "INSERT INTO tag_history (repository, name, old_digest, new_digest, at, by) VALUES (@repository, @tag, @from, @to, @now, "
                + "@account)",
            row);
        var kind = to is null ? EventKind.TagDeleted : EventKind.TagMoved;
        SqliteOutbox.Append(db, repository, new RegistryChange(kind, account, now) { Tag = tag, Digest = (to ?? from)?.Value });
    }
}
