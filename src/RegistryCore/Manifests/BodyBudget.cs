using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>
/// The memory for manifests that are being received: bounded for all together, and for one account to half of that, so that nobody
/// who stalls keeps others from pushing. What is not in memory yet takes nothing: a client cannot claim room by announcing a length.
/// </summary>
internal sealed class BodyBudget(LimitOptions limits)
{
    private readonly Dictionary<string, long> byAccount = new(StringComparer.Ordinal);
    private readonly Lock gate = new();
    private long total;

    /// <summary>How many bytes are taken.</summary>
    public long InUse
    {
        get
        {
            lock (gate) return total;
        }
    }

    /// <summary>The part of one request, empty at first; disposing gives it back.</summary>
    public Part Open(string account) => new(this, account);

    private OciError? Take(string account, long bytes)
    {
        // A manifest of the largest size always fits in when nothing else is there.
        var most = Math.Max(limits.ManifestsInFlight.Bytes, 2 * limits.ManifestSize.Bytes);
        lock (gate)
        {
            var own = byAccount.GetValueOrDefault(account);
            if (total + bytes > most) return OciError.TooManyBodies();
            if (own + bytes > most / 2) return OciError.TooManyBodiesOfAccount();
            (total, byAccount[account]) = (total + bytes, own + bytes);
            return null;
        }
    }

    private void GiveBack(string account, long bytes)
    {
        lock (gate)
        {
            total -= bytes;
            if ((byAccount[account] -= bytes) == 0) byAccount.Remove(account);
        }
    }

    /// <summary>What one request has of the budget.</summary>
    internal sealed class Part(BodyBudget budget, string account) : IDisposable
    {
        private long taken;

        /// <summary>Takes more; the error to answer with when there is no more.</summary>
        public OciError? Take(long bytes)
        {
            if (budget.Take(account, bytes) is { } error) return error;
            taken += bytes;
            return null;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (taken > 0) budget.GiveBack(account, taken);
            taken = 0;
        }
    }
}
