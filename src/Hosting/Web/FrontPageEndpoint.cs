using System.Text;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>The page at <c>/</c>: tells people with a browser what answers here, and nothing that clients do not already learn.</summary>
/// <param name="text">The page, plain text.</param>
public sealed class FrontPageEndpoint(string text)
{
    /// <summary>The root of the server.</summary>
    public const string Path = "/";

    private readonly byte[] page = Encoding.UTF8.GetBytes(text);

    /// <summary>Answers GET and HEAD with the page as plain text; other methods get 405 with <c>Allow</c>.</summary>
    public Task HandleAsync(HttpContext context)
    {
        var response = context.Response;
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET, HEAD";
            return Task.CompletedTask;
        }

        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = page.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(page, context.RequestAborted).AsTask();
    }
}
