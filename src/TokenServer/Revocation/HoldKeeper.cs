using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>
/// Keeps a running server and the commands beside it in step about accounts that are held back: four times a second it forgets the
/// failed sign-ins of those that were released, and writes down those that are held.
/// </summary>
internal sealed partial class HoldKeeper(
    ISignInHoldStore holds, HeldAccounts held, SignInLimits limits, LdapSources directories, BackgroundLoops loops, ILogger<HoldKeeper> log)
    : BackgroundLoop("signInHolds", loops)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    private long newest;

    /// <summary>Begins. What was released before is over: nobody is held back yet by a server that starts.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        newest = await holds.NewestAsync();
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        await LookAsync(stoppingToken);
        await Task.Delay(LookEvery, TimeProvider.System, stoppingToken); // as commands and people count
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        if (await holds.NewestAsync() is var now && now != newest)
        {
            foreach (var account in await holds.ReleasedAfterAsync(newest))
            {
                limits.Release(account);
                held.Remove(account);
                foreach (var directory in directories.All) await directory.ReleaseAsync(account, stoppingToken);
                var name = LogText.Clean(account);
                LogReleased(log, name);
            }

            newest = now;
        }

        if (held.TakeChanged() is not { } all) return;
        try
        {
            await holds.WriteAsync([.. all.Where(h => h.Until > Clock.GetUtcNow())]);
        }
        catch
        {
            held.Again();
            throw;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.AccountUnlocked, EventName = nameof(LogEvents.AccountUnlocked), Level = LogLevel.Information,
        Message = "Failed sign-ins of {Account} forgotten: unlocked by 'accounts unlock'")]
    private static partial void LogReleased(ILogger log, string account);
}
