using System.Data;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Grants;

/// <summary>The grants in the database. A server and commands beside it use it at once.</summary>
internal sealed class GrantStore(StateDatabase database, TimeProvider time)
{
    private const int SweptAtOnce = 500;

    /// <summary>
    /// After how long without any use a refresh token counts as left behind by a logout. Not sooner: jobs that run at once on one
    /// machine, or machines behind one address, sign in alike, and use what they got a while later.
    /// </summary>
    public static readonly TimeSpan LeftBehindAfter = TimeSpan.FromHours(1);

    private static readonly TimeSpan UseIsOld = TimeSpan.FromMinutes(1);

    /// <summary>How often a grant was ended: what was remembered at another count may hold no more.</summary>
    public long Endings() => database.Read(static db => db.ExecuteScalar<long>("SELECT count FROM grant_endings"));

    /// <summary>The grant of a secret, or null; and the count of endings at which that is true.</summary>
    public (Grant? Grant, long Endings) Find(byte[] hash) => database.Read(db =>
    {
        // One statement, so that both are of one state.
        var found = db.Query<GrantRow, long, (GrantRow Row, long Endings)>(
            $"SELECT {GrantRow.Columns}, e.count FROM grant_endings e LEFT JOIN grants g ON g.hash = @hash",
            (row, endings) => (row, endings), new { hash }, splitOn: "count").Single();
        return (found.Row?.Id is null ? null : found.Row.Read(), found.Endings);
    });

    /// <summary>The grant of an id, or null.</summary>
    public Grant? FindById(string id) => database.Read(db =>
        db.QuerySingleOrDefault<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE id = @id", new { id })?.Read());

    /// <summary>The grants of an account, or of all with null; the newest first.</summary>
    public IReadOnlyList<Grant> List(string? account) => database.Read(db =>
        db.Query<GrantRow>(
            $"SELECT {GrantRow.Columns} FROM grants g WHERE @account IS NULL OR account = @account ORDER BY created_at DESC, id",
            new { account }).Select(r => r.Read()).ToList());

    /// <summary>
    /// Adds a refresh token in place of those that the same client was given at the same address and left behind unused; those of the
    /// account beyond the limit that were not used for longest are ended.
    /// </summary>
    /// <param name="grant">The token.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="most">How many the account may have.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the sign-in began.</param>
    /// <returns>False when the account was ended since: nothing is added.</returns>
    public Task<bool> AddRefreshAsync(Grant grant, byte[] hash, int most, long endingsSeen) => database.WriteAsync(db =>
    {
        if (AccountEnding.Overtook(db, grant.Account, endingsSeen)) return false;
        Insert(db, grant, hash);
        var leftBehind = db.Query<string>(
            """
            SELECT id FROM grants
            WHERE account = @Account AND kind = @Kind AND service = @Service AND client = @Client AND given_from = @GivenFrom
                AND used_at IS NULL AND created_at <= @old
            """,
            new
            {
                grant.Account,
                Kind = TokenKind.Refresh.Word(),
                grant.Service,
                grant.Client,
                grant.GivenFrom,
                old = (grant.Created - LeftBehindAfter).ToUnixTimeSeconds(),
            }).AsList();
        foreach (var id in leftBehind) GrantRevocation.End(db, id, time.GetUtcNow());
        var surplus = db.Query<string>(
            "SELECT id FROM grants WHERE account = @Account AND kind = @kind AND id <> @Id ORDER BY coalesce(used_at, created_at) DESC "
            + "LIMIT -1 OFFSET @kept",
            new { grant.Account, kind = TokenKind.Refresh.Word(), grant.Id, kept = most - 1 }).AsList();
        foreach (var id in surplus) GrantRevocation.End(db, id, time.GetUtcNow());
        return true;
    });

    /// <summary>Adds an access token.</summary>
    /// <param name="grant">The token.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="most">How many the account may have.</param>
    /// <param name="endingsSeen">
    /// The newest revocation of an account that was known when the owner's sign-in began; null when an administrator makes the token.
    /// </param>
    /// <returns>Null when it was added; otherwise why it was not.</returns>
    public Task<GrantRefusal?> AddAccessAsync(Grant grant, byte[] hash, int most, long? endingsSeen) =>
        database.WriteAsync<GrantRefusal?>(db =>
    {
        if (endingsSeen is { } seen && AccountEnding.Overtook(db, grant.Account, seen)) return GrantRefusal.AccountEnded;
        var count = db.ExecuteScalar<long>(
            "SELECT count(*) FROM grants WHERE account = @Account AND kind = @kind AND expires_at > @now",
            new { grant.Account, kind = TokenKind.Access.Word(), now = grant.Created.ToUnixTimeSeconds() });
        if (count >= most) return GrantRefusal.LimitReached;
        Insert(db, grant, hash);
        return null;
    });

    /// <summary>Ends the grant of an id, if it is the account's; null when there is no such.</summary>
    public Task<Grant?> EndAsync(string id, string account) => EndOneAsync("id = @id AND account = @account", new { id, account });

    /// <summary>Ends the grant of a secret; null when there is no such.</summary>
    public Task<Grant?> EndAsync(byte[] hash) => EndOneAsync("hash = @hash", new { hash });

    /// <summary>Ends the grants of all these ids, or none of them when one is unknown.</summary>
    /// <returns>The ids that are unknown.</returns>
    public Task<IReadOnlyList<string>> EndAsync(IReadOnlyCollection<string> ids) =>
        database.WriteWithReserveAsync<IReadOnlyList<string>>(db =>
    {
        var unknown = ids.Where(id => db.ExecuteScalar<long>("SELECT count(*) FROM grants WHERE id = @id", new { id }) == 0).ToList();
        if (unknown.Count > 0) return unknown;
        foreach (var id in ids.Distinct(StringComparer.Ordinal)) GrantRevocation.End(db, id, time.GetUtcNow());
        return [];
    });

    /// <summary>Ends the grants of an account, all or those of one kind, and voids its registry tokens.</summary>
    /// <returns>How many grants they were.</returns>
    public Task<int> EndAllAsync(string account, TokenKind? kind = null) =>
        database.WriteWithReserveAsync(db => AccountEnding.End(db, account, kind, time.GetUtcNow()));

    /// <summary>Ends the refresh tokens of a client, an address, or both, of one account or of all.</summary>
    /// <param name="account">The account; null for all.</param>
    /// <param name="client">The client they were given to; null for any.</param>
    /// <param name="from">The address they were given at or last used from; null for any.</param>
    /// <returns>How many they were.</returns>
    public Task<int> EndRefreshAsync(string? account, string? client, string? from) => database.WriteWithReserveAsync(db =>
        db.Query<string>(
            """
            SELECT id FROM grants
            WHERE kind = @kind AND (@account IS NULL OR account = @account) AND (@client IS NULL OR client = @client)
                AND (@from IS NULL OR @from IN (given_from, used_from))
            """,
            new { kind = TokenKind.Refresh.Word(), account, client, from }).AsList()
            .Count(id => GrantRevocation.End(db, id, time.GetUtcNow())));

    /// <summary>
    /// Writes down uses, where what is written is older than a minute, and the origins of owners that were not known before.
    /// </summary>
    public Task<int> NoteAsync(IReadOnlyCollection<GrantUse> uses) =>
        database.WriteAsync(db => uses.Sum(use => NoteOrigin(db, use) + db.Execute(
        "UPDATE grants SET used_at = @at, used_from = @From WHERE id = @Id AND (used_at IS NULL OR used_at <= @old OR (used_at <= @at AND "
        + "used_from IS NOT @From))",
        new { use.Id, use.From, at = use.At.ToUnixTimeSeconds(), old = (use.At - UseIsOld).ToUnixTimeSeconds() })));

    /// <summary>
    /// Clears away a little of what has expired; false when nothing is left. Nothing follows from it: what has expired is good for
    /// nothing already.
    /// </summary>
    public Task<bool> SweepAsync(DateTimeOffset now, TimeSpan refreshIdle) => database.WriteAsync(db => db.Execute(
        """
        DELETE FROM grants WHERE id IN (
            SELECT id FROM grants WHERE expires_at <= @now OR (kind = @kind AND coalesce(used_at, created_at) <= @idle) LIMIT @count)
        """,
        new { now = now.ToUnixTimeSeconds(), kind = TokenKind.Refresh.Word(), idle = (now - refreshIdle).ToUnixTimeSeconds(),
            count = SweptAtOnce }) == SweptAtOnce);

    private Task<Grant?> EndOneAsync(string where, object parameters) => database.WriteWithReserveAsync(db =>
    {
        var row = db.QuerySingleOrDefault<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE {where}", parameters);
        if (row is not null) GrantRevocation.End(db, row.Id!, time.GetUtcNow());
        return row?.Read();
    });

    private static int NoteOrigin(SqliteConnection db, GrantUse use) => use.NewOrigin is not { } origin ? 0 : db.Execute(
        "UPDATE grants SET source = @Source, entry_id = @EntryId, password_set = @PasswordSet WHERE id = @Id AND (source IS NULL OR "
        + "source = @Source)",
        new { use.Id, origin.Source, origin.EntryId, origin.PasswordSet });

    private static void Insert(SqliteConnection db, Grant grant, byte[] hash)
    {
        var parameters = new DynamicParameters(GrantRow.Of(grant));
        parameters.Add("hash", hash, DbType.Binary);
        db.Execute(
            """
            INSERT INTO grants (
                id, kind, hash, account, name, service, client, created_at, given_from, expires_at, used_at, used_from,
                repositories, actions, addresses, source, entry_id, password_set)
            VALUES (
                @Id, @Kind, @hash, @Account, @Name, @Service, @Client, @CreatedAt, @GivenFrom, @ExpiresAt, @UsedAt, @UsedFrom,
                @Repositories, @Actions, @Addresses, @Source, @EntryId, @PasswordSet)
            """,
            parameters);
    }
}

/// <summary>Why a grant was not made.</summary>
internal enum GrantRefusal
{
    /// <summary>The account has as many already as it may.</summary>
    LimitReached,

    /// <summary>The account was ended or suspended after its sign-in began.</summary>
    AccountEnded,
}

/// <summary>One use of a grant.</summary>
/// <param name="Id">The grant's id.</param>
/// <param name="At">When.</param>
/// <param name="From">From which address; null when unknown.</param>
/// <param name="NewOrigin">Where its owner comes from, when more is known of that than is written; otherwise null.</param>
internal sealed record GrantUse(string Id, DateTimeOffset At, string? From, AccountOrigin? NewOrigin = null);
