using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>Tells a connection that ended in the midst of a request from something broken: there is nobody to answer, and nothing is wrong.</summary>
public static class HangUp
{
    /// <summary>Whether an exception comes from the client's going away, or from the request's being cut.</summary>
    public static bool Is(Exception e, HttpContext http) =>
        e is ConnectionResetException or ConnectionAbortedException or OperationCanceledException { InnerException: ConnectionAbortedException } // the last: cut while stopping
        || (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException);
}
