using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>A login code as stored in the database. Times are Unix seconds.</summary>
internal sealed record LoginCodeRow
{
    /// <summary>The columns, under the names that are here.</summary>
    public const string Columns =
        "account AS Account, source AS Source, entry_id AS EntryId, password_set AS PasswordSet, created_at AS CreatedAt, "
        + "expires_at AS ExpiresAt, used_at AS UsedAt";

    public string Account { get; init; } = "";

    public string Source { get; init; } = "";

    public string? EntryId { get; init; }

    public string? PasswordSet { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }

    public long? UsedAt { get; init; }

    /// <summary>The row that stores a code.</summary>
    public static LoginCodeRow Of(LoginCode code) => new()
    {
        Account = code.Account,
        Source = code.Origin.Source,
        EntryId = code.Origin.EntryId,
        PasswordSet = code.Origin.PasswordSet,
        CreatedAt = code.Created.ToUnixTimeSeconds(),
        ExpiresAt = code.Expires.ToUnixTimeSeconds(),
        UsedAt = code.Used?.ToUnixTimeSeconds(),
    };

    /// <summary>The code of the row.</summary>
    public LoginCode Read() => new(
        Account, new AccountOrigin(Source, EntryId, PasswordSet), DateTimeOffset.FromUnixTimeSeconds(CreatedAt),
        DateTimeOffset.FromUnixTimeSeconds(ExpiresAt), UsedAt is { } used ? DateTimeOffset.FromUnixTimeSeconds(used) : null);
}
