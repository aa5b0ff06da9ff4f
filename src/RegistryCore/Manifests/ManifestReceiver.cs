using System.Buffers;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>
/// Receives the body of a manifest into memory: never more than a manifest may have, within the <see cref="BodyBudget"/>, and not
/// for ever. The bytes are taken out of the connection as they come, whose own buffers would outlive it. When all are here, the token is
/// looked at again: who was suspended meanwhile moves no tag.
/// </summary>
internal sealed class ManifestReceiver(LimitOptions limits, AccessCheck access, TimeProvider clock)
{
    /// <summary>How long a body may take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>The body, or the error to answer with.</summary>
    /// <param name="request">The request.</param>
    /// <param name="memory">Its part of the budget; it has taken as much as the body has when this returns.</param>
    public async Task<(byte[]? Bytes, OciError? Error)> ReceiveAsync(V2Request request, BodyBudget.Part memory)
    {
        var limit = limits.ManifestSize.Bytes;
        var declared = request.Http.Request.ContentLength;
        if (declared > limit) return (null, OciError.ManifestTooLarge(limit));

        var body = request.Http.Request.BodyReader;
        var started = clock.GetTimestamp();
        var (bytes, length) = (Array.Empty<byte>(), 0);
        await using var wakes = BodyWait.WakeEverySecond(body, clock);
        while (true)
        {
            var read = await body.ReadAsync(CancellationToken.None);
            try
            {
                var needed = length + read.Buffer.Length;
                if (needed > limit) return (null, OciError.ManifestTooLarge(limit));
                if (needed > bytes.Length)
                {
                    var size = Math.Max(needed, Math.Min(2L * bytes.Length, declared ?? limit));
                    if (memory.Take(size - bytes.Length) is { } full) return (null, full);
                    Array.Resize(ref bytes, (int)size);
                }

                read.Buffer.CopyTo(bytes.AsSpan(length));
                length = (int)needed;
            }
            finally
            {
                body.AdvanceTo(read.Buffer.End);
            }

            if (read.IsCompleted)
            {
                var asked = Scope.Repository(request.Repository, ActionSet.Pull.Union(ActionSet.Push));
                return await access.CheckAgainAsync(request, asked) is { } ended
                    ? (null, ended)
                    : (length == bytes.Length ? bytes : bytes[..length], null);
            }

            if (clock.GetElapsedTime(started) >= Patience) return (null, OciError.ManifestTooSlow(Patience));
        }
    }
}
