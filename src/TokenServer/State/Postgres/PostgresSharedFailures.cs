using System.Runtime.InteropServices;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// Failed sign-ins in PostgreSQL, by its clock. One statement takes all tries, in one order of rows, so that no two wait for each other.
/// </summary>
internal sealed class PostgresSharedFailures(PostgresDatabase database, byte[] key) : ISharedFailures
{
    private const string Now = "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint";

    private static readonly TimeSpan PlacesLast = TimeSpan.FromDays(30);

    private readonly KeyedHash hash = new(key);

    private PostgresDatabase Database => database;

    /// <summary>Reads the key under which names are kept.</summary>
    public static ValueTask<byte[]> ReadKeyAsync(PostgresDatabase database) =>
        database.ReadAsync(static db => db.QuerySingleAsync<byte[]>("SELECT key FROM sign_in_key"));

    /// <inheritdoc/>
    public Task<SharedTake> TakeAsync(Requester by, bool isOneClient, SignInLimitsOptions limits)
    {
        var counts = Counts(by, isOneClient, limits).ToList();
        var within = (long)limits.Within.TotalMicroseconds;
        return database.WriteAsync(async db =>
        {
            // What lies further ahead than the full time was counted before the time was made shorter, or the clock set back.
            var taken = (await db.QueryAsync<byte[]>(
                $"""
                INSERT INTO sign_in_failures AS f (key, account, full_at)
                SELECT key, account, {Now} + interval
                FROM unnest(@keys, @accounts, @intervals) AS wanted (key, account, interval) ORDER BY key
                ON CONFLICT (key) DO UPDATE SET full_at =
                    CASE WHEN f.full_at > {Now} + @within THEN {Now} ELSE greatest(f.full_at, {Now}) END + EXCLUDED.full_at - {Now}
                WHERE f.full_at > {Now} + @within OR greatest(f.full_at, {Now}) + EXCLUDED.full_at - {Now} <= {Now} + @within
                RETURNING key
                """,
                new
                {
                    within,
                    keys = counts.Select(c => c.Key).ToArray(),
                    accounts = counts.Select(c => c.Account).ToArray(),
                    intervals = counts.Select(c => c.Interval).ToArray(),
                })).ToHashSet(ByContent.Instance);
            var exhausted = counts.Where(c => !taken.Contains(c.Key)).ToList();
            var isForbidden = exhausted.Exists(c => c.Which == SignInCounts.Pair)
                || (exhausted.Count > 0 && !await IsKnownPlaceAsync(db, by));
            if (!isForbidden) return new SharedTake(Sum(counts.Except(exhausted)), SignInCounts.None, TimeSpan.Zero);

            await GiveBackAsync(db, counts.Except(exhausted));
            var over = exhausted[0];
            var ahead = await db.ExecuteScalarAsync<long>(
                $"SELECT full_at - {Now} FROM sign_in_failures WHERE key = @Key", new { over.Key });
            return new SharedTake(
                SignInCounts.None, over.Which, TimeSpan.FromMicroseconds(Math.Max(1, ahead + over.Interval - within)));
        });
    }

    /// <inheritdoc/>
    public Task GiveBackAsync(Requester by, SignInCounts taken, bool isSignedIn, SignInLimitsOptions limits) =>
        database.WriteAsync(async db =>
        {
            await GiveBackAsync(db, Counts(by, isOneClient: true, limits).Where(c => taken.HasFlag(c.Which)));
            if (!isSignedIn) return 0;
            return await db.ExecuteAsync(
                $"""
                DELETE FROM sign_in_failures WHERE key = @pair;
                INSERT INTO sign_in_places (key, account, at) VALUES (@pair, @account, {Now})
                ON CONFLICT (key) DO UPDATE SET at = EXCLUDED.at;
                DELETE FROM sign_in_places
                WHERE key IN (SELECT key FROM sign_in_places WHERE account = @account ORDER BY at DESC OFFSET @kept)
                """,
                new { pair = PairOf(by), account = EverywhereOf(by), kept = KnownPlaces.PerAccount });
        });

    /// <inheritdoc/>
    public IBindAttempts BindsTo(string directory, int limit, TimeSpan within) => new Binds(this, directory, limit, within);

    /// <inheritdoc/>
    public Task SweepAsync() => database.WriteAsync(static db => db.ExecuteAsync(
        $"""
        DELETE FROM sign_in_failures
        WHERE key IN (SELECT key FROM sign_in_failures WHERE full_at < {Now} FOR UPDATE SKIP LOCKED);
        DELETE FROM sign_in_places WHERE at < {Now} - @places;
        DELETE FROM bind_attempts WHERE forget_at < {Now}
        """,
        new { places = (long)PlacesLast.TotalMicroseconds }));

    /// <summary>Forgets the failures of accounts, from wherever they came, within a transaction that holds no rows yet.</summary>
    public Task ReleaseAsync(NpgsqlConnection db, IEnumerable<string> accounts) => db.ExecuteAsync(
        """
        DELETE FROM sign_in_failures
        WHERE key IN (SELECT key FROM sign_in_failures WHERE account = ANY(@accounts) ORDER BY key FOR UPDATE)
        """,
        new { accounts = accounts.Select(a => AccountOf(a.Trim())).ToArray() });

    private static SignInCounts Sum(IEnumerable<Count> counts) => counts.Aggregate(SignInCounts.None, (sum, c) => sum | c.Which);

    private static Task GiveBackAsync(NpgsqlConnection db, IEnumerable<Count> counts)
    {
        var taken = counts.ToList();
        return taken.Count == 0
            ? Task.CompletedTask
            : db.ExecuteAsync(
                """
                UPDATE sign_in_failures f SET full_at = f.full_at - back.interval
                FROM (SELECT f.key, given.interval FROM sign_in_failures f
                      JOIN unnest(@keys, @intervals) AS given (key, interval) ON given.key = f.key ORDER BY f.key FOR UPDATE OF f) AS back
                WHERE f.key = back.key
                """,
                new { keys = taken.Select(c => c.Key).ToArray(), intervals = taken.Select(c => c.Interval).ToArray() });
    }

    private IEnumerable<Count> Counts(Requester by, bool isOneClient, SignInLimitsOptions limits)
    {
        var account = AccountOf(by.Account);
        if (limits.PerAccountAndAddress > 0)
        {
            yield return new Count(SignInCounts.Pair, PairOf(by), account, Interval(limits.PerAccountAndAddress));
        }

        if (isOneClient && limits.PerAddress > 0)
        {
            yield return new Count(
                SignInCounts.Address, Hash($"address{Through(by)}", $"{by.Network.Number}"), null, Interval(limits.PerAddress));
        }

        if (limits.PerAccount > 0) yield return new Count(SignInCounts.Account, EverywhereOf(by), account, Interval(limits.PerAccount));

        long Interval(int most) => (long)limits.Within.TotalMicroseconds / most;
    }

    private Task<bool> IsKnownPlaceAsync(NpgsqlConnection db, Requester by) => db.ExecuteScalarAsync<bool>(
        $"SELECT EXISTS (SELECT 1 FROM sign_in_places WHERE key = ANY(@pairs) AND at > {Now} - @last)",
        new { pairs = new[] { PairOf(by), PairOf(by with { Registry = "" }) }, last = (long)PlacesLast.TotalMicroseconds });

    private byte[] PairOf(Requester by) => Hash($"pair {by.Network.Number}{Through(by)}", by.Account.ToUpperInvariant());

    /// <summary>The account from all addresses, as far as the same registry names them.</summary>
    private byte[] EverywhereOf(Requester by) => Hash($"account{Through(by)}", by.Account.ToUpperInvariant());

    private static string Through(Requester by) => by.Registry.Length == 0 ? "" : $" through {by.Registry}";

    private byte[] AccountOf(string account) => Hash("account", account.ToUpperInvariant());

    private byte[] Hash(string kind, string name)
    {
        var value = hash.Of(kind, name);
        return MemoryMarshal.AsBytes(new ReadOnlySpan<UInt256>(in value)).ToArray();
    }

    private sealed record Count(SignInCounts Which, byte[] Key, byte[]? Account, long Interval);

    private sealed class ByContent : IEqualityComparer<byte[]>
    {
        public static readonly ByContent Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => MemoryMarshal.Read<int>(obj);
    }

    /// <summary>The wrong passwords that one directory has seen.</summary>
    private sealed class Binds(PostgresSharedFailures failures, string directory, int limit, TimeSpan within) : IBindAttempts
    {
        private readonly long within = (long)within.TotalMicroseconds;

        /// <inheritdoc/>
        public bool TryTake(string account, bool isPassedOn, out TimeSpan wait, out bool isLast)
        {
            var most = IBindAttempts.Most(limit, isPassedOn);
            var (taken, remaining) = Wait(failures.Database.WriteAsync(async db =>
            {
                var parameters = new { key = Key(account), most, within };
                var count = await db.ExecuteScalarAsync<int?>(
                    $"""
                    INSERT INTO bind_attempts AS b (key, count, forget_at) SELECT @key, 1, {Now} + @within WHERE @most > 0
                    ON CONFLICT (key) DO UPDATE
                    SET count = CASE WHEN b.forget_at <= {Now} THEN 1 ELSE b.count + 1 END, forget_at = EXCLUDED.forget_at
                    WHERE b.forget_at <= {Now} OR b.count < @most
                    RETURNING count
                    """,
                    parameters);
                return count is { } one
                    ? (one, 0L)
                    : (0, await db.ExecuteScalarAsync<long?>(
                        $"SELECT forget_at - {Now} FROM bind_attempts WHERE key = @key", parameters) ?? this.within);
            }));
            isLast = taken == limit;
            wait = taken > 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(Math.Max(1, remaining));
            return taken > 0;
        }

        /// <inheritdoc/>
        public void Clear(string account) => Wait(failures.Database.WriteAsync(db =>
            db.ExecuteAsync("DELETE FROM bind_attempts WHERE key = @key", new { key = Key(account) })));

        /// <inheritdoc/>
        public void GiveBack(string account) => Wait(failures.Database.WriteAsync(db => db.ExecuteAsync(
            "UPDATE bind_attempts SET count = count - 1 WHERE key = @key AND count > 0", new { key = Key(account) })));

        // On a directory's own thread.
        private static T Wait<T>(Task<T> work) => work.GetAwaiter().GetResult();

        private byte[] Key(string account) => failures.Hash($"directory {directory}", account);
    }
}
