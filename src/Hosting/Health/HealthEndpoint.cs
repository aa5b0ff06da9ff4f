using System.Text.Json.Nodes;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Health;

/// <summary>Liveness and readiness for orchestrators and people, part by part.</summary>
public sealed class HealthEndpoint(IEnumerable<HealthSource> sources, GracefulShutdown draining)
{
    /// <summary>200 as long as the process answers.</summary>
    public const string LivePath = "/healthz/live";

    /// <summary>200 when it can serve, perhaps degraded; 503 when traffic should go elsewhere.</summary>
    public const string ReadyPath = "/healthz/ready";

    private readonly IReadOnlyList<HealthSource> sources = [.. sources];

    /// <summary>Answers 200 at <see cref="LivePath"/> while the process runs.</summary>
    public static Task LiveAsync(HttpContext context) =>
        SendAsync(context, StatusCodes.Status200OK, new JsonObject { ["status"] = Word(HealthStatus.Ok) });

    /// <summary>Answers 200 or 503 at <see cref="ReadyPath"/>, with each part's status as JSON.</summary>
    public Task ReadyAsync(HttpContext context)
    {
        var parts = new JsonObject();
        var whole = HealthStatus.Ok;
        foreach (var part in (IEnumerable<HealthPart>)[.. draining.Parts, .. sources.SelectMany(s => s.Parts())])
        {
            if (part.Status > whole) whole = part.Status;
            var told = new JsonObject { ["status"] = Word(part.Status) };
            if (part.Reason is { } reason) told["reason"] = reason;
            foreach (var (name, value) in part.Details ?? []) told[name] = value?.DeepClone();
            parts[part.Name] = told;
        }

        return SendAsync(
            context,
            whole == HealthStatus.Failed ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK,
            new JsonObject { ["status"] = Word(whole), ["parts"] = parts });
    }

    private static string Word(HealthStatus status) =>
        status switch { HealthStatus.Ok => "ok", HealthStatus.Degraded => "degraded", _ => "failed" };

    private static Task SendAsync(HttpContext context, int status, JsonObject body)
    {
        var response = context.Response;
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET, HEAD";
            return Task.CompletedTask;
        }

        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        return response.WriteAsJsonAsync(body, context.RequestAborted);
    }
}
