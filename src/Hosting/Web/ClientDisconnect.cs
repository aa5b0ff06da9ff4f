using AuthIndex.Hosting.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>Distinguishes a client disconnecting during a request from a real failure.</summary>
public static class ClientDisconnect
{
    // A body that ends before its length. Kestrel does not say so but by this text, and ends RequestAborted on another thread later.
    private const string EarlyEnd = "Unexpected end of request content.";

    /// <summary>Aborts the connection of a request whose client is gone.</summary>
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
