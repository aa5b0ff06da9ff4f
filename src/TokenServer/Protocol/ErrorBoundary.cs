namespace AuthIndex.TokenServer.Protocol;

/// <summary>The outermost edge: an exception is a bug or a broken machine, written to the log and answered once, without details.</summary>
internal sealed partial class ErrorBoundary(RequestDelegate next, ILogger log)
{
    /// <summary>Runs the request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client hung up; there is nobody to answer, and nothing is wrong.
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await (e.StatusCode == StatusCodes.Status413PayloadTooLarge ? ErrorAnswer.TooLarge : ErrorAnswer.InvalidRequest("the request cannot be read")).WriteAsync(context);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            Broken(log, context.Request.Method, context.Request.Path, e);
            context.Response.Clear();
            await ErrorAnswer.Broken.WriteAsync(context);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} ended in an exception")]
    private static partial void Broken(ILogger log, string method, PathString path, Exception exception);
}
