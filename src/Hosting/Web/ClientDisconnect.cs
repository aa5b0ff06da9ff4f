using AuthIndex.Hosting.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// Tells a connection that ended in the midst of a request from something broken: there is nobody to answer, and nothing is wrong.
/// </summary>
public static class ClientDisconnect
{
    // A body that ends before its length. Kestrel does not say so but by this text, and ends RequestAborted on another thread later.
    private const string EarlyEnd = "Unexpected end of request content.";

    /// <summary>Cuts the connection of a request that nobody waits for any more.</summary>
    public static void Abort(HttpContext http)
    {
        RequestRecord.Current?.IsBrokenOff = true;
        http.Abort();
    }

    /// <summary>Whether an exception comes from the client's going away, or from the request's being cut.</summary>
    public static bool Is(Exception e, HttpContext http) =>
        e is ConnectionResetException or ConnectionAbortedException
            or OperationCanceledException { InnerException: ConnectionAbortedException } // the last: cut while stopping
        || e is BadHttpRequestException { Message: EarlyEnd }
        || (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException);
}
