using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>An installation moves from SQLite to PostgreSQL and back, and loses nothing.</summary>
public sealed class StateCopyTests(SharedPostgres postgres) : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static TimeProvider Time => TimeProvider.System;

    [Fact]
    public async Task Tokens_revocations_suspensions_and_sessions_survive_the_move_and_the_way_back()
    {
        var options = await OptionsAsync("old");
        await FillAsync(options);
        var before = await TellAsync(options, isShared: false);

        Assert.Equal(
            "1 revocations, 2 grants, 1 suspensions, 0 sessions, 0 people, 0 pulls",
            Text(await new StateCopy(options, Time).ToPostgresAsync()));
        Assert.Equal(before, await TellAsync(options, isShared: true));

        // New revocations go on after those that were copied.
        await using (var shared = await StateFactory.OpenAsync(options, Time))
        {
            await shared.Grants.EndAllAsync("carol");
            Assert.Equal(2, (await shared.Revocations.LookAsync()).Revocation);
        }

        var back = await OptionsAsync("new", options.Database.ConnectionFile);
        await new StateCopy(back, Time).ToSqliteAsync();
        Assert.Equal(await TellAsync(options, isShared: true), await TellAsync(back, isShared: false));
    }

    [Fact]
    public async Task Two_states_are_never_merged_and_a_failed_copy_leaves_nothing()
    {
        var options = await OptionsAsync("old");
        await FillAsync(options);
        await using (var shared = await StateFactory.OpenAsync(options, Time))
        {
            await shared.Suspensions.SuspendAsync("dave", "root", "", Time.GetUtcNow());
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("already", refused.Message, StringComparison.Ordinal);
        await using (var shared = await StateFactory.OpenAsync(options, Time)) Assert.Empty(await shared.Grants.ListAsync(null));

        refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToSqliteAsync());
        Assert.Contains("already", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("dave", await TellAsync(options, isShared: false), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_stands_in_the_way_is_told()
    {
        var options = await OptionsAsync("old");
        var refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("index.db is missing", refused.Message, StringComparison.Ordinal);

        await FillAsync(options);
        using (DataDirectory.Hold(options.StatePath))
        {
            refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
            Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
        }

        options.Database.ConnectionFile = null;
        refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("tokenServer.database.connectionFile is not set", refused.Message, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private async Task<TokenServerOptions> OptionsAsync(string name, string? connection = null)
    {
        if (connection is null)
        {
            connection = folder[$"{name}.connection"];
            await File.WriteAllTextAsync(connection, await (await postgres.ServerAsync()).CreateDatabaseAsync());
            File.SetUnixFileMode(connection, DurableFile.OwnerOnly);
        }

        return new TokenServerOptions { DataDirectory = folder[name], Database = { ConnectionFile = connection } };
    }

    private static async Task FillAsync(TokenServerOptions options)
    {
        await using var state = await OpenAsync(options, isShared: false);
        var now = Time.GetUtcNow();
        var limits = GrantLimits.Of(options);
        var factory = new GrantFactory(state.Grants, limits, Time);
        await factory.MakeAccessAsync("alice", new AccountOrigin("htpasswd", null, null), "ünï \"quoted\"", TimeSpan.FromDays(1), TokenRestriction.None);
        await factory.MakeAccessAsync("bob", new AccountOrigin("ldap:corp", "entry", "2026"), "ci", TimeSpan.FromDays(1), TokenRestriction.None);
        await state.Suspensions.SuspendAsync("mallory", "root", "a reason", now);
    }

    private static async Task<IState> OpenAsync(TokenServerOptions options, bool isShared)
    {
        var connection = options.Database.ConnectionFile;
        if (!isShared) options.Database.ConnectionFile = null;
        var state = await StateFactory.OpenAsync(options, Time);
        options.Database.ConnectionFile = connection;
        return state;
    }

    private static async Task<string> TellAsync(TokenServerOptions options, bool isShared)
    {
        await using var state = await OpenAsync(options, isShared);
        var grants = await state.Grants.ListAsync(null);
        var revoked = await state.Revocations.AfterAsync(0, 100);
        return string.Join(
            '\n',
            [
                .. grants.OrderBy(g => g.Id, StringComparer.Ordinal).Select(g => $"{g with { Narrowing = TokenRestriction.None }}"),
                .. revoked.Items.Select(r => $"{r}"),
                .. (await state.Suspensions.AllAsync()).Select(s => $"{s}"),
            ]);
    }

    private static string Text(IReadOnlyList<(string Table, int Rows)> copied) =>
        string.Join(", ", copied.Select(c => $"{c.Rows} {c.Table}"));
}
