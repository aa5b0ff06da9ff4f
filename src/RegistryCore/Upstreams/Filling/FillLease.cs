using System.Data.Common;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>
/// Who of all processes of a registry downloads a blob and stores it: the others wait a while and then find it in the store. One
/// that dies loses it after some seconds. It spares downloads and nothing else: two at once do no harm.
/// </summary>
internal sealed class FillLease : IAsyncDisposable
{
    private readonly ILeases leases;
    private readonly string job;
    private readonly CancellationTokenSource ended = new();
    private readonly Task renewing;

    private FillLease(ILeases leases, string job)
    {
        (this.leases, this.job) = (leases, job);
        renewing = RenewAsync();
    }

    /// <summary>Takes it if it is free; null when it is not, or when that cannot be asked.</summary>
    public static async Task<FillLease?> TryTakeAsync(ILeases leases, string upstream, Digest digest)
    {
        var name = $"download {upstream} {digest}";
        try
        {
            return await leases.TryTakeAsync(name) ? new FillLease(leases, name) : null;
        }
        catch (DbException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        await renewing;
        ended.Dispose();
        try
        {
            await leases.EndAsync(job);
        }
        catch (DbException)
        {
            // It runs out by itself.
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(ILeases.RenewEvery, ended.Token);
                try
                {
                    await leases.TryTakeAsync(job);
                }
                catch (DbException)
                {
                    // Tried again; until then another process may begin the same download.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is over.
        }
    }
}
