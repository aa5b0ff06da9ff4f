using System.Collections.Frozen;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metadata;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer;

/// <summary>
/// Which path leads where, and the outermost edge: an exception is a bug or a broken machine, written to the log and answered
/// once, without details.
/// </summary>
internal sealed partial class TokenServerRoutes(
    TokenEndpoint token, JwksEndpoint jwks, MetadataEndpoint metadata, AccessQueryEndpoint pullable, ReportEndpoint reports, CatalogEndpoint catalogue, HealthEndpoint health, MetricsEndpoint metrics,
    AccountTokensEndpoint accountTokens, RevokeEndpoint revoke, RevocationFeedEndpoint revocations, IntrospectionEndpoint introspection,
    ILogger<TokenServerRoutes> log)
{
    private static readonly ErrorAnswer NotFound = ErrorAnswer.NotFound($"there is nothing here: tokens are at {TokenEndpoint.Path}, keys at {JwksEndpoint.Path}");

    private static readonly FrontPageEndpoint Front = new($"""
        This is an AuthIndex token server: it says who may do what in a registry.

        Sign in at the registry, not here:    docker login REGISTRY
        Tokens for registries' clients:       {TokenEndpoint.Path}
        Public keys of the tokens:            {JwksEndpoint.Path}
        Finding images:                       {CatalogEndpoint.Path}?q=NAME

        """);

    private readonly FrozenDictionary<string, (string Route, RequestDelegate Handler)> rows = new Dictionary<string, RequestDelegate>(StringComparer.Ordinal)
    {
        [TokenEndpoint.Path] = token.HandleAsync,
        [JwksEndpoint.Path] = jwks.HandleAsync,
        [MetadataEndpoint.Path] = metadata.HandleAsync,
        [AccessQueryEndpoint.Path] = pullable.HandleAsync,
        [ReportEndpoint.EventsPath] = reports.HandleEventsAsync,
        [ReportEndpoint.SnapshotPath] = reports.HandleSnapshotAsync,
        [RevocationFeedEndpoint.Path] = revocations.HandleAsync,
        [IntrospectionEndpoint.Path] = introspection.HandleAsync,
        [CatalogEndpoint.Path] = catalogue.HandleAsync, // and what lies below
        [RevokeEndpoint.Path] = revoke.HandleAsync,
        [AccountTokensEndpoint.Path] = accountTokens.HandleAsync, // and what lies below
        [HealthEndpoint.LivePath] = HealthEndpoint.LiveAsync,
        [HealthEndpoint.ReadyPath] = health.ReadyAsync,
        [MetricsPage.Path] = metrics.HandleAsync,
        [FrontPageEndpoint.Path] = Front.HandleAsync,
    }.ToFrozenDictionary(row => row.Key, row => (row.Key, row.Value), StringComparer.Ordinal);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            CountBody(context);
            await RouteAsync(context);
        }
        catch (Exception e) when (ClientDisconnect.Is(e, context))
        {
            ClientDisconnect.Abort(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && MalformedBody.StatusOf(e) is { } status)
        {
            var answer = status == StatusCodes.Status413PayloadTooLarge ? ErrorAnswer.TooLarge : ErrorAnswer.InvalidRequest("the request cannot be read");
            await answer.SendAsync(context.Response);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            var (method, path) = (Hosting.LogText.Clean(context.Request.Method), Hosting.LogText.Clean(context.Request.Path));
            Broken(log, method, path, e);
            context.Response.Clear();
            RequestId.AddTo(context);
            await ErrorAnswer.Broken(context.TraceIdentifier).SendAsync(context.Response);
        }
    }

    /// <summary>Has the body counted where its length is not known: registries send theirs in chunks.</summary>
    private static void CountBody(HttpContext context)
    {
        if (context.Request.ContentLength is not null || RequestRecord.Current is not { } record) return;
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }) context.Request.Body = new CountedBodyStream(context.Request.Body, record);
    }

    private Task RouteAsync(HttpContext context)
    {
        var (route, answer) = Find(context.Request.Path.Value ?? "");
        if (RequestRecord.Current is { } record) record.Route = route;
        return answer(context);
    }

    /// <summary>The row of a path: the name that metrics and logs know it by, and who answers.</summary>
    private (string Route, RequestDelegate Answer) Find(string path)
    {
        var row = CatalogEndpoint.Answers(path) ? CatalogEndpoint.Path : AccountTokensEndpoint.Answers(path) ? AccountTokensEndpoint.Path : path;
        return rows.TryGetValue(row, out var answer) ? (answer.Route, answer.Handler) : (RequestRecord.NoRoute, NotFoundAsync);
    }

    private static Task NotFoundAsync(HttpContext context) => NotFound.SendAsync(context.Response);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} ended in an exception")]
    private static partial void Broken(ILogger log, string method, string path, Exception exception);
}
