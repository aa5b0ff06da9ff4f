using AuthIndex.TokenContract;
using AuthIndex.TokenServer.State;
using Dapper;

namespace AuthIndex.TokenServer.Index;

/// <summary>A repository, and the registries that hold it.</summary>
internal sealed record FoundRepository(string Name, List<string> Registries);

/// <summary>A repository as one registry holds it. Times are Unix seconds.</summary>
internal sealed record RepositoryPlace
{
    public string Service { get; init; } = "";

    public long Tags { get; init; }

    public long Manifests { get; init; }

    public long PushedAt { get; init; }

    public long? PulledAt { get; init; }
}

/// <summary>A tag as one registry holds it. Size and media type are those of the manifest that it points at.</summary>
internal sealed record TagPlace
{
    public string Name { get; init; } = "";

    public string Service { get; init; } = "";

    public string Digest { get; init; } = "";

    public string MediaType { get; init; } = "";

    public long Size { get; init; }

    public long MovedAt { get; init; }

    public string MovedBy { get; init; } = "";

    public long? PulledAt { get; init; }
}

/// <summary>Searches the catalogue for what a caller may see.</summary>
internal sealed class CatalogReader(StateDatabase database)
{
    private const int Candidates = 1000;

    // Greater than every text that a name or a service goes on with.
    private const string Greatest = "\U0010ffff";

    /// <summary>
    /// The repositories after a name whose own names hold a text, in byte order. Only the ranges of names that the caller may see
    /// anything of are read, in pages, so that whoever may see little costs little.
    /// </summary>
    public IReadOnlyList<FoundRepository> Search(CatalogView view, string text, string after, int count)
    {
        var found = new List<FoundRepository>();
        foreach (var prefix in view.Prefixes)
        {
            var end = prefix + Greatest;
            // after every registry that holds the last name
            var from = string.CompareOrdinal(after, prefix) < 0 ? (Name: prefix, Service: "") : (Name: after, Service: Greatest);
            if (string.CompareOrdinal(from.Name, end) < 0 && !Collect(view, text, from, end, count, found)) break;
        }

        return found;
    }

    /// <summary>Adds what the caller may see in a range; false when there would be more than the count.</summary>
    private bool Collect(
        CatalogView view, string text, (string Name, string Service) from, string end, int count, List<FoundRepository> found)
    {
        while (true)
        {
            var candidates = Read(text, from.Name, from.Service, end);
            foreach (var (candidate, service) in candidates)
            {
                if (!RepositoryName.TryParse(candidate, out var name) || !view.Shows(service, name)) continue;
                if (found is [.., var last] && last.Name == candidate) last.Registries.Add(service);
                else if (found.Count == count) return false;
                else found.Add(new FoundRepository(candidate, [service]));
            }

            if (candidates.Count < Candidates) return true;
            from = candidates[^1];
        }
    }

    /// <summary>The registries among the given ones that hold a repository.</summary>
    public IReadOnlyList<RepositoryPlace> Places(RepositoryName name, IReadOnlyList<string> services) =>
        database.Read(db => db.Query<RepositoryPlace>(
        """
        SELECT c.service AS Service,
               (SELECT count(*) FROM tags t WHERE t.repository = r.id) AS Tags,
               (SELECT count(*) FROM manifests m WHERE m.repository = r.id) AS Manifests,
               (SELECT max(m.pushed_at) FROM manifests m WHERE m.repository = r.id) AS PushedAt,
               (SELECT max(p.pulled_at) FROM pulls p WHERE p.service = c.service AND p.repository = r.name) AS PulledAt
        FROM repositories r JOIN copies c ON c.id = r.copy
        WHERE r.name = @name AND c.state = 'live' AND c.service IN @services ORDER BY c.service
        """,
        new { name = name.Value, services }).AsList());

    /// <summary>The tags after one, as the given registries hold them, in byte order.</summary>
    public IReadOnlyList<TagPlace> Tags(RepositoryName name, IReadOnlyList<string> services, string after, int count) =>
        database.Read(db => db.Query<TagPlace>(
        """
        SELECT t.name AS Name, c.service AS Service, t.digest AS Digest, m.media_type AS MediaType, m.size AS Size,
               t.moved_at AS MovedAt, t.moved_by AS MovedBy, p.pulled_at AS PulledAt
        FROM repositories r
        JOIN copies c ON c.id = r.copy AND c.state = 'live'
        JOIN tags t ON t.repository = r.id
        JOIN manifests m ON m.repository = r.id AND m.digest = t.digest
        LEFT JOIN pulls p ON p.service = c.service AND p.repository = r.name AND p.digest = t.digest
        WHERE r.name = @name AND c.service IN @services AND t.name > @after
        ORDER BY t.name, c.service LIMIT @rows
        """,
        new { name = name.Value, services, after, rows = count * services.Count }).AsList());

    // CROSS JOIN keeps the order of the loops: along the index of names, so that the first page costs no more than it shows.
    private List<(string Name, string Service)> Read(string text, string name, string service, string end) =>
        database.Read(db => db.Query<(string, string)>(
        """
        SELECT r.name, c.service FROM repositories r CROSS JOIN copies c ON c.id = r.copy
        WHERE r.name >= @name AND r.name < @end AND (r.name > @name OR c.service > @service)
            AND c.state = 'live' AND (@text = '' OR instr(r.name, @text) > 0)
        ORDER BY r.name, c.service LIMIT @Candidates
        """,
        new { text, name, service, end, Candidates }).AsList());
}
