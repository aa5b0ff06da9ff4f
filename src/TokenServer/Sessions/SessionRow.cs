using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>A session as stored in the database. Times are Unix seconds.</summary>
internal sealed record SessionRow
{
    /// <summary>The columns, under the names that are here.</summary>
    public const string Columns =
        "id AS Id, account AS Account, source AS Source, entry_id AS EntryId, password_set AS PasswordSet, created_at AS CreatedAt, "
        + "used_at AS UsedAt, address AS Address";

    public string Id { get; init; } = "";

    public string Account { get; init; } = "";

    public string Source { get; init; } = "";

    public string? EntryId { get; init; }

    public string? PasswordSet { get; init; }

    public long CreatedAt { get; init; }

    public long UsedAt { get; init; }

    public string? Address { get; init; }

    /// <summary>The row that stores a session.</summary>
    public static SessionRow Of(Session session) => new()
    {
        Id = session.Id,
        Account = session.Account,
        Source = session.Origin.Source,
        EntryId = session.Origin.EntryId,
        PasswordSet = session.Origin.PasswordSet,
        CreatedAt = session.Created.ToUnixTimeSeconds(),
        UsedAt = session.Used.ToUnixTimeSeconds(),
        Address = session.Address,
    };

    /// <summary>The session of the row.</summary>
    public Session Read() => new(
        Id, Account, new AccountOrigin(Source, EntryId, PasswordSet), DateTimeOffset.FromUnixTimeSeconds(CreatedAt),
        DateTimeOffset.FromUnixTimeSeconds(UsedAt), Address);
}
