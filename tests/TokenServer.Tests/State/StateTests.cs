using System.Security.Cryptography;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>What every database must do, run against each of them: two states of one database, as two processes have them.</summary>
public abstract partial class StateTests : IAsyncLifetime
{
    private protected FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds()));

    private protected IState One { get; private set; } = null!;

    private protected IState Other { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        One = await OpenAsync();
        Other = await OpenAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (One is not null) await One.DisposeAsync();
        if (Other is not null) await Other.DisposeAsync();
        await CloseAsync();
    }

    /// <summary>Opens the test's database, made by the first call.</summary>
    private protected abstract Task<IState> OpenAsync();

    /// <summary>Removes what the database lay in.</summary>
    private protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    private DateTimeOffset Now => Clock.GetUtcNow();

    private static byte[] Hash(string secret) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(secret));

    private Grant Access(string id, string account = "alice") => new(
        id, TokenKind.Access, account, "a name with \"quotes\" and ünïcode", null, null, Now, Now + TimeSpan.FromDays(30), null, null,
        Narrowing()) { Origin = new AccountOrigin("ldap:corp", "entry-1", "2026-01-01") };

    private Grant Refresh(string id, string account = "alice", string? client = "docker", string? from = "192.0.2.1") => new(
        id, TokenKind.Refresh, account, "docker", "registry", client, Now, Now + TimeSpan.FromDays(30), null, null, TokenRestriction.None)
        { GivenFrom = from };

    private static TokenRestriction Narrowing() =>
        TokenRestriction.TryRead(["team/**", "public/*"], ["pull"], ["10.0.0.0/8"], out var narrowing, out var problem)
            ? narrowing
            : throw new InvalidOperationException(problem);

    private static string Text(Grant? grant) => grant is null ? "none" : $"{grant with { Narrowing = TokenRestriction.None }} "
        + $"{string.Join(' ', grant.Narrowing.Repositories)} {grant.Narrowing.Actions} {string.Join(' ', grant.Narrowing.Addresses)}";

    private async Task<string[]> IdsAsync(string? account = null) =>
        [.. (await Other.Grants.ListAsync(account)).Select(g => g.Id).Order(StringComparer.Ordinal)];
}
