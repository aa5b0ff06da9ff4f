using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// A grant as stored in the database. Times are Unix seconds; lists are joined by spaces, which their entries never contain.
/// </summary>
internal sealed class GrantRow
{
    /// <summary>The columns, under the names that are here.</summary>
    public const string Columns =
        "g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, "
        + "g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, "
        + "g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet";

    public string? Id { get; init; }

    public string Kind { get; init; } = "";

    public string Account { get; init; } = "";

    public string Name { get; init; } = "";

    public string? Service { get; init; }

    public string? Client { get; init; }

    public long CreatedAt { get; init; }

    public string? GivenFrom { get; init; }

    public long ExpiresAt { get; init; }

    public long? UsedAt { get; init; }

    public string? UsedFrom { get; init; }

    public string Repositories { get; init; } = "";

    public string Actions { get; init; } = "";

    public string Addresses { get; init; } = "";

    public string? Source { get; init; }

    public string? EntryId { get; init; }

    public string? PasswordSet { get; init; }

    /// <summary>The row that stores a grant.</summary>
    public static GrantRow Of(Grant grant) => new()
    {
        Id = grant.Id,
        Kind = grant.Kind.Word(),
        Account = grant.Account,
        Name = grant.Name,
        Service = grant.Service,
        Client = grant.Client,
        CreatedAt = grant.Created.ToUnixTimeSeconds(),
        GivenFrom = grant.GivenFrom,
        ExpiresAt = grant.Expires.ToUnixTimeSeconds(),
        UsedAt = grant.Used?.ToUnixTimeSeconds(),
        UsedFrom = grant.UsedFrom,
        Repositories = string.Join(' ', grant.Narrowing.Repositories),
        Actions = string.Join(' ', grant.Narrowing.Actions.Words),
        Addresses = string.Join(' ', grant.Narrowing.Addresses),
        Source = grant.Origin?.Source,
        EntryId = grant.Origin?.EntryId,
        PasswordSet = grant.Origin?.PasswordSet,
    };

    /// <summary>
    /// The grant of the row. Its restrictions must never be ignored: a grant with one that this version does not accept, such as a pattern
    /// with too many wildcards, permits nothing but can still be listed and revoked.
    /// </summary>
    public Grant Read()
    {
        if (!TokenRestriction.TryRead(Split(Repositories), Split(Actions), Split(Addresses), out var narrowing, out _))
        {
            narrowing = TokenRestriction.Everything;
        }

        return new Grant(
            Id ?? throw new InvalidOperationException("The row has no grant."), TokenKinds.Parse(Kind), Account, Name, Service, Client,
            Time(CreatedAt), Time(ExpiresAt), UsedAt is { } used ? Time(used) : null, UsedFrom, narrowing)
        {
            GivenFrom = GivenFrom,
            Origin = Source is null ? null : new AccountOrigin(Source, EntryId, PasswordSet),
        };
    }

    private static string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static DateTimeOffset Time(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds);
}
