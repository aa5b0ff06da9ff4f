using System.IO.Pipelines;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// How bodies of requests are waited for. A read is never given a token to cancel it: when the client goes away in the same moment,
/// the connection would be left in the midst of reading. It fails by itself when the connection ends.
/// </summary>
internal static class BodyWait
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Ends the pending read each second with what has come until then, until it is disposed.</summary>
    public static ITimer WakeEverySecond(PipeReader body, TimeProvider clock) =>
        clock.CreateTimer(static reader => (reader as PipeReader)?.CancelPendingRead(), body, Second, Second);
}
