using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>Distinguishes an unreadable request body, the client's fault, from a server failure.</summary>
public static class MalformedBody
{
    /// <summary>The status to answer with; null when the exception comes from something else.</summary>
    public static int? StatusOf(Exception e) => e switch
    {
        BadHttpRequestException bad => bad.StatusCode,
        // Kestrel's word for a chunk of 2 GiB and more
        IOException { InnerException: OverflowException } => StatusCodes.Status400BadRequest,
        _ => null,
    };
}
