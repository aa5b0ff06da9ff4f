using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>A manifest as it is stored and served.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="MediaType">The Content-Type it was pushed with.</param>
/// <param name="Bytes">Exactly the bytes that were pushed.</param>
internal sealed record ManifestRecord(Digest Digest, string MediaType, byte[] Bytes);

/// <summary>What of a manifest the database must know besides its bytes.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Blobs">Blobs it needs in its repository.</param>
/// <param name="Children">Manifests it needs in its repository; buildkit's caches put blobs here, so a blob will do.</param>
/// <param name="Subject">The manifest it refers to, which need not exist.</param>
/// <param name="ArtifactType">Its artifact type, or its config's media type.</param>
/// <param name="Annotations">Its annotations as a JSON object, or null.</param>
/// <param name="ForeignLayers">Layers that stay with their vendor: they need not be here, and are kept where they are.</param>
internal sealed record NewManifest(
    ManifestRecord Manifest,
    IReadOnlyList<Digest> Blobs,
    IReadOnlyList<Digest> Children,
    Digest? Subject,
    string? ArtifactType,
    string? Annotations,
    IReadOnlyList<Digest> ForeignLayers);

/// <summary>What became of a push of a manifest.</summary>
internal abstract record PutOutcome
{
    /// <summary>It is stored, and the tags point at it.</summary>
    /// <param name="Healed">Whether other bytes were stored under its digest before.</param>
    internal sealed record Stored(bool Healed) : PutOutcome;

    /// <summary>It refers to what the repository does not hold; nothing was changed.</summary>
    internal sealed record Missing(IReadOnlyList<Digest> Digests) : PutOutcome;

    /// <summary>More indexes lie in one another than are allowed; nothing was changed.</summary>
    internal sealed record TooDeep : PutOutcome;

    /// <summary>The bytes are stored under another media type, which every tag of the digest relies on; nothing was changed.</summary>
    internal sealed record OtherType(string Existing) : PutOutcome;

    /// <summary>A tag is not what the precondition says; nothing was changed.</summary>
    internal sealed record TagMoved(string Tag) : PutOutcome;

    private PutOutcome()
    {
    }
}

/// <summary>What became of a deletion.</summary>
internal enum DeleteOutcome
{
    /// <summary>It is gone.</summary>
    Deleted,

    /// <summary>There was nothing of that name.</summary>
    NotFound,

    /// <summary>The tag is not what the precondition says; nothing was changed.</summary>
    TagMoved,

    /// <summary>Something needs it; nothing was changed.</summary>
    Needed,
}

/// <summary>What became of a tag of another registry.</summary>
internal enum TagImportOutcome
{
    /// <summary>It points there now.</summary>
    Set,

    /// <summary>It pointed there already.</summary>
    Unchanged,

    /// <summary>Somebody has moved or deleted it here; that stays.</summary>
    Kept,

    /// <summary>The manifest is not here; nothing was changed.</summary>
    NoManifest,
}

/// <summary>A manifest that refers to another, as the referrers list shows it.</summary>
internal sealed record ReferrerRecord(string Digest, string MediaType, long Size, string? ArtifactType, string? Annotations);

/// <summary>The manifests of all repositories, their tags, and what refers to what. A push is one commit.</summary>
internal sealed class ManifestStore(RegistryDatabase database, ReadCache cache, RecentAccess touches, FreeSpace space, RegistryOptions options)
{
    // Greater than every text that a name goes on with.
    private const string Greatest = "\U0010ffff";

    private readonly bool keepsUntagged = options.GarbageCollection.Untagged.RemoveAfter is null;

    /// <summary>The manifest under a tag or digest.</summary>
    public ManifestRecord? Find(RepositoryName repository, Reference reference) => cache.GetOrRead(
        repository.Value,
        reference.Value,
        () => database.Read(db => Read(db, repository, reference)),
        m => m.Bytes.Length);

    /// <summary>The manifest, which goes on existing for the grace period when it was asked for by digest: the client may push an index of it.</summary>
    public ValueTask<ManifestRecord?> FindToKeepAsync(RepositoryName repository, Reference reference) =>
        !keepsUntagged && reference.Digest is { } digest
            ? touches.FindAsync(new ContentKey(repository, digest, IsManifest: true), () => Find(repository, reference))
            : ValueTask.FromResult(Find(repository, reference));

    /// <summary>Stores a manifest and points the tags at it, all or nothing.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="manifest">What.</param>
    /// <param name="tags">The tags to move; none for a push by digest alone.</param>
    /// <param name="precondition">Judged against each tag, or against the digest when there is no tag.</param>
    /// <param name="account">Who pushes.</param>
    public async Task<PutOutcome> PutAsync(RepositoryName repository, NewManifest manifest, IReadOnlyList<string> tags, Precondition precondition, string account)
    {
        space.Demand();
        if (manifest.Children.Count > 0 && database.Read(db => IsTooDeep(db, repository, manifest.Children))) return new PutOutcome.TooDeep();
        var write = database.WriteAsync(db => Put(db, repository, manifest, tags, precondition, account));
        var outcome = await cache.InvalidateAfterAsync(repository.Value, write);
        if (outcome is PutOutcome.Stored { Healed: true }) cache.InvalidateAll(); // other repositories hold the same bytes
        return outcome;
    }

    /// <summary>Deletes a tag, or a manifest together with every tag that points at it.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="reference">The tag, or the manifest's digest.</param>
    /// <param name="precondition">Judged against the tag or the digest.</param>
    /// <param name="account">Who deletes it.</param>
    /// <param name="evenIfNeeded">Whether a manifest goes although a tagged index needs it.</param>
    public Task<Deletion> DeleteAsync(
        RepositoryName repository, Reference reference, Precondition precondition, string account, bool evenIfNeeded) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id) return new Deletion(DeleteOutcome.NotFound);
            if (reference.Digest is not { } digest) return new Deletion(DeleteTag(db, id, reference.Value, precondition, account));
            return DeleteManifest(db, id, digest, precondition, account, evenIfNeeded);
        }));

    /// <summary>What repositories refer to and do not hold, as lines for people; nothing where manifests may be sparse.</summary>
    public IReadOnlyList<string> UnmetNeeds() => options.SparseManifests ? [] : database.Read(ContentNeed.Unmet);

    /// <summary>The tags of a repository in byte order; null when there is no such repository.</summary>
    public IReadOnlyList<string>? Tags(RepositoryName repository, string after, int count) => database.Read(db =>
        RegistryDatabase.FindRepository(db, repository) is { } id
            ? db.Query<string>("SELECT name FROM tags WHERE repository = @id AND name > @after ORDER BY name LIMIT @count", new { id, after, count }).AsList()
            : null);

    /// <summary>The digests of the manifests of a repository whose subject is the digest, in their order.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="subject">The subject.</param>
    /// <param name="artifactType">Only those of this artifact type; null for all.</param>
    /// <param name="after">Only digests after this one.</param>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<string> Referrers(RepositoryName repository, Digest subject, string? artifactType, string after, int count) => database.Read(db =>
        db.Query<string>(
            """
            SELECT m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.subject = @subject AND m.digest > @after AND (@artifactType IS NULL OR m.artifact_type = @artifactType)
            ORDER BY m.digest LIMIT @count
            """,
            new { name = repository.Value, subject = subject.Value, artifactType, after, count }).AsList());

    /// <summary>A manifest of a repository as the referrers list shows it.</summary>
    public ReferrerRecord? Describe(RepositoryName repository, Digest digest) => database.Read(db =>
        db.QuerySingleOrDefault<ReferrerRecord>(
            """
            SELECT m.digest, m.media_type AS MediaType, m.size, m.artifact_type AS ArtifactType, m.annotations
            FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.digest = @digest
            """,
            new { name = repository.Value, digest = digest.Value }));

    /// <summary>The names of repositories that hold a manifest and begin with a prefix, in byte order.</summary>
    /// <param name="after">The name, which need not exist, that all of them come after.</param>
    /// <param name="count">The most names.</param>
    /// <param name="prefix">How they begin.</param>
    public IReadOnlyList<string> Repositories(string after, int count, string prefix = "") => database.Read(db =>
        db.Query<string>(
            """
            SELECT name FROM repositories r
            WHERE name > @after AND name >= @prefix AND name < @end AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id)
            ORDER BY name LIMIT @count
            """,
            new { after, prefix, end = prefix + Greatest, count }).AsList());

    /// <summary>Every move of a tag, the newest first.</summary>
    public IReadOnlyList<TagMove> History(RepositoryName repository, string tag) => database.Read(db => History(db, repository, tag));

    /// <summary>Points a tag at what it pointed at before its last move, or at <paramref name="target"/>, one of those before.</summary>
    public Task<RollbackOutcome> RollBackAsync(RepositoryName repository, string tag, Digest? target, string account)
    {
        return cache.InvalidateAfterAsync(repository.Value, database.WriteAsync<RollbackOutcome>(db =>
        {
            var history = History(db, repository, tag);
            var wanted = target?.Value ?? history.FirstOrDefault()?.OldDigest;
            if (wanted is null || !history.Any(move => move.OldDigest == wanted || move.NewDigest == wanted)) return new RollbackOutcome.NeverThere();
            var id = RegistryDatabase.FindRepository(db, repository)!.Value;
            if (!Digest.TryParse(wanted, out var digest) || !IsShown(db, id, digest)) return new RollbackOutcome.ManifestGone(wanted);
            var current = TagDigest(db, id, tag);
            if (current != digest) MoveTag(db, id, tag, current, digest, account);
            return new RollbackOutcome.Moved(current?.Value, wanted);
        }));
    }

    /// <summary>Whether the repository holds the manifest, and its bytes are not known to be damaged.</summary>
    public bool Holds(RepositoryName repository, Digest digest) => database.Read(db => RegistryDatabase.FindRepository(db, repository) is { } id && IsShown(db, id, digest));

    /// <summary>Whether the last who moved or deleted a tag is another account; false when it never was.</summary>
    public bool IsMovedByOthers(RepositoryName repository, string tag, string account) => database.Read(db => IsMovedByOthers(History(db, repository, tag), account));

    /// <summary>Points a tag where it points in another registry, unless somebody here has moved or deleted it since the last import.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="digest">Its manifest.</param>
    /// <param name="account">The account in whose name all imports go.</param>
    public Task<TagImportOutcome> ImportTagAsync(RepositoryName repository, string tag, Digest digest, string account)
    {
        return cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id || !IsShown(db, id, digest)) return TagImportOutcome.NoManifest;
            var current = TagDigest(db, id, tag);
            if (current == digest) return TagImportOutcome.Unchanged;
            if (IsMovedByOthers(History(db, repository, tag), account)) return TagImportOutcome.Kept;
            MoveTag(db, id, tag, current, digest, account);
            return TagImportOutcome.Set;
        }));
    }

    private static bool IsMovedByOthers(IReadOnlyList<TagMove> history, string account) => history is [{ By: var last }, ..] && last != account;

    /// <summary>Removes a manifest that no tag points at, and tells the index. Only inside a write.</summary>
    /// <param name="db">The writer's connection.</param>
    /// <param name="repository">The repository's row.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="account">Who does it; empty for the registry by itself.</param>
    /// <param name="now">When, in Unix seconds.</param>
    public static void Remove(SqliteConnection db, long repository, Digest digest, string account, long now)
    {
        db.Execute("DELETE FROM manifests WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value });
        db.Execute(
            "DELETE FROM manifest_contents WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = @digest)",
            new { digest = digest.Value });
        Outbox.Append(db, repository, new RegistryChange(EventKind.ManifestDeleted, account, now) { Digest = digest.Value });
    }

    private static List<TagMove> History(SqliteConnection db, RepositoryName repository, string tag) => db.Query<TagMove>(
        """
        SELECT h.at, h.by, h.old_digest AS OldDigest, h.new_digest AS NewDigest,
            EXISTS (
                SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                WHERE m.repository = h.repository AND m.digest = h.new_digest) AS IsPresent
        FROM tag_history h JOIN repositories r ON r.id = h.repository
        WHERE r.name = @name AND h.name = @tag ORDER BY h.id DESC
        """,
        new { name = repository.Value, tag }).AsList();

    private PutOutcome Put(SqliteConnection db, RepositoryName repository, NewManifest manifest, IReadOnlyList<string> tags, Precondition precondition, string account)
    {
        var id = RegistryDatabase.FindRepository(db, repository);
        if (!options.SparseManifests && FindMissing(db, id, manifest) is { Count: > 0 } missing) return new PutOutcome.Missing(missing);

        var digest = manifest.Manifest.Digest;
        var stored = id is null ? null : MediaTypeOf(db, id.Value, digest);
        if (stored is not null && stored != manifest.Manifest.MediaType) return new PutOutcome.OtherType(stored);
        var current = tags.Select(tag => id is null ? null : TagDigest(db, id.Value, tag)).ToList();
        if (tags.Count == 0 && !precondition.Allows(id is not null && IsShown(db, id.Value, digest) ? digest : null)) return new PutOutcome.TagMoved(digest.Value);
        for (var i = 0; i < tags.Count; i++)
        {
            if (!precondition.Allows(current[i])) return new PutOutcome.TagMoved(tags[i]);
        }

        id ??= database.EnsureRepository(db, repository);
        var healed = Insert(db, id.Value, manifest, account);
        for (var i = 0; i < tags.Count; i++)
        {
            if (current[i] != digest) MoveTag(db, id.Value, tags[i], current[i], digest, account);
        }

        return new PutOutcome.Stored(healed);
    }

    /// <summary>Whether an index with these children would lie too deep. A stored manifest never changes, so a look before the write will do.</summary>
    private bool IsTooDeep(SqliteConnection db, RepositoryName repository, IReadOnlyList<Digest> children) => db.ExecuteScalar<bool>(
        """
        WITH RECURSIVE inner_indexes (digest, depth) AS (
            SELECT value, 2 FROM json_each(@children)
            UNION
            SELECT x.target, i.depth + 1 FROM inner_indexes i
            JOIN manifests m ON m.repository = @id AND m.digest = i.digest AND m.media_type IN @types
            JOIN manifest_references x ON x.repository = @id AND x.manifest = m.digest
            WHERE i.depth <= @most)
        SELECT EXISTS (
            SELECT 1 FROM inner_indexes i JOIN manifests m ON m.repository = @id AND m.digest = i.digest AND m.media_type IN @types WHERE i.depth > @most)
        """,
        new
        {
            id = RegistryDatabase.FindRepository(db, repository) ?? -1,
            children = JsonSerializer.Serialize(children.Select(c => c.Value)),
            types = (string[])[MediaTypes.OciIndex, MediaTypes.DockerList],
            most = options.Limits.IndexDepth,
        });

    private static List<Digest> FindMissing(SqliteConnection db, long? repository, NewManifest manifest)
    {
        var missing = manifest.Blobs.Where(d => repository is null || !HoldsBlob(db, repository.Value, d)).ToList();
        missing.AddRange(manifest.Children.Where(d => repository is null || !(IsShown(db, repository.Value, d) || HoldsBlob(db, repository.Value, d))));
        return missing;
    }

    /// <summary>Whether other bytes were stored under the digest: damage, which the bytes that were pushed mend whether or not a scrub has met it.</summary>
    private bool Insert(SqliteConnection db, long repository, NewManifest manifest, string account)
    {
        var digest = manifest.Manifest.Digest.Value;
        var content = new { digest, bytes = manifest.Manifest.Bytes };
        db.Execute("INSERT INTO manifest_contents (digest, bytes) VALUES (@digest, @bytes) ON CONFLICT DO NOTHING", content);
        var healed = db.Execute("UPDATE manifest_contents SET bytes = @bytes, damaged_at = NULL WHERE digest = @digest AND (bytes <> @bytes OR damaged_at IS NOT NULL)", content) > 0;
        db.Execute(
            """
            INSERT INTO manifests (repository, digest, media_type, size, artifact_type, subject, annotations, pushed_at, pushed_by, touched_at)
            VALUES (@repository, @digest, @mediaType, @size, @artifactType, @subject, @annotations, @now, @account, @now)
            ON CONFLICT DO UPDATE SET touched_at = excluded.touched_at
            """,
            new
            {
                repository,
                digest,
                mediaType = manifest.Manifest.MediaType,
                size = manifest.Manifest.Bytes.Length,
                artifactType = manifest.ArtifactType,
                subject = manifest.Subject?.Value,
                annotations = manifest.Annotations,
                now = database.Now,
                account,
            });
        Outbox.Append(db, repository, new RegistryChange(EventKind.ManifestPushed, account, database.Now)
        {
            Digest = digest,
            MediaType = manifest.Manifest.MediaType,
            Size = manifest.Manifest.Bytes.Length,
        });
        foreach (var target in manifest.Blobs.Concat(manifest.Children).Distinct()) Refer(target, isRequired: true);
        foreach (var target in manifest.ForeignLayers) Refer(target, isRequired: false);
        return healed;

        void Refer(Digest target, bool isRequired) => db.Execute(
            """
            INSERT INTO manifest_references (repository, manifest, target, is_required) VALUES (@repository, @digest, @target, @isRequired)
            ON CONFLICT DO NOTHING
            """,
            new { repository, digest, target = target.Value, isRequired });
    }

    private DeleteOutcome DeleteTag(SqliteConnection db, long repository, string tag, Precondition precondition, string account)
    {
        var current = TagDigest(db, repository, tag);
        if (!precondition.Allows(current)) return DeleteOutcome.TagMoved;
        if (current is null) return DeleteOutcome.NotFound;
        MoveTag(db, repository, tag, current, null, account);
        return DeleteOutcome.Deleted;
    }

    private Deletion DeleteManifest(
        SqliteConnection db, long repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded)
    {
        var exists = Exists(db, repository, digest);
        if (!precondition.Allows(exists ? digest : null)) return new Deletion(DeleteOutcome.TagMoved);
        if (!exists) return new Deletion(DeleteOutcome.NotFound);
        var need = ContentNeed.OfManifest(db, repository, digest);
        if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);

        foreach (var tag in db.Query<string>("SELECT name FROM tags WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value }).AsList())
        {
            MoveTag(db, repository, tag, digest, null, account);
        }

        Remove(db, repository, digest, account, database.Now);
        return new Deletion(DeleteOutcome.Deleted, need);
    }

    private void MoveTag(SqliteConnection db, long repository, string tag, Digest? from, Digest? to, string account)
    {
        var row = new { repository, tag, from = from?.Value, to = to?.Value, now = database.Now, account };
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

        db.Execute("INSERT INTO tag_history (repository, name, old_digest, new_digest, at, by) VALUES (@repository, @tag, @from, @to, @now, @account)", row);
        Outbox.Append(db, repository, new RegistryChange(to is null ? EventKind.TagDeleted : EventKind.TagMoved, account, row.now) { Tag = tag, Digest = (to ?? from)?.Value });
    }

    private static ManifestRecord? Read(SqliteConnection db, RepositoryName repository, Reference reference)
    {
        // One statement sees one commit: between two, the tag could move and the manifest it pointed at go.
        var row = db.QuerySingleOrDefault<(string Digest, string MediaType, byte[] Bytes)?>(
            """
            SELECT m.digest, m.media_type, c.bytes FROM repositories r
            JOIN manifests m ON m.repository = r.id AND m.digest = coalesce(@digest, (SELECT t.digest FROM tags t WHERE t.repository = r.id AND t.name = @tag))
            JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
            WHERE r.name = @name
            """,
            new { name = repository.Value, digest = reference.Digest?.Value, tag = reference.Tag });
        return row is { } found && Digest.TryParse(found.Digest, out var digest) ? new ManifestRecord(digest, found.MediaType, found.Bytes) : null;
    }

    private static Digest? TagDigest(SqliteConnection db, long repository, string tag) =>
        Digest.TryParse(db.QuerySingleOrDefault<string>("SELECT digest FROM tags WHERE repository = @repository AND name = @tag", new { repository, tag }), out var digest)
            ? digest
            : null;

    private static string? MediaTypeOf(SqliteConnection db, long repository, Digest digest) => db.QuerySingleOrDefault<string>(
        "SELECT media_type FROM manifests WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value });

    private static bool Exists(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM manifests WHERE repository = @repository AND digest = @digest)", new { repository, digest = digest.Value });

    /// <summary>Whether the repository holds the manifest, and its bytes are not known to be damaged: a client would be answered with it.</summary>
    private static bool IsShown(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>(
            """
            SELECT EXISTS (
                SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                WHERE m.repository = @repository AND m.digest = @digest)
            """,
            new { repository, digest = digest.Value });

    private static bool HoldsBlob(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>(
            """
            SELECT EXISTS (
                SELECT 1 FROM blob_links l JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
                WHERE l.repository = @repository AND l.digest = @digest)
            """,
            new { repository, digest = digest.Value });
}
