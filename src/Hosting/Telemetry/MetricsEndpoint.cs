using System.Text;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// GET /metrics: what the server counts, for Prometheus. Whoever reaches the server may read it: no label names an account, a
/// repository or an address.
/// </summary>
public sealed class MetricsEndpoint(MetricsPage page)
{
    /// <summary>Answers GET and HEAD with the page.</summary>
    public Task HandleAsync(HttpContext context)
    {
        var response = context.Response;
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET";
            return Task.CompletedTask;
        }

        var body = Encoding.UTF8.GetBytes(page.Render());
        response.ContentType = MetricsPage.ContentType;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
