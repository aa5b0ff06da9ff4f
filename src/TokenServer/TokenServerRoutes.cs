using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;
using AuthIndex.TokenServer.Tokens;

namespace AuthIndex.TokenServer;

/// <summary>
/// Which path leads where, and the outermost edge: an exception is a bug or a broken machine, written to the log and answered
/// once, without details.
/// </summary>
internal sealed partial class TokenServerRoutes(
    TokenEndpoint token, JwksEndpoint jwks, MetadataEndpoint metadata, PullableEndpoint pullable, ReportEndpoint reports, CatalogueEndpoint catalogue, HealthEndpoint health, MetricsEndpoint metrics,
    AccountTokensEndpoint accountTokens, RevokeEndpoint revoke, RevocationFeedEndpoint revocations, IntrospectionEndpoint introspection,
    ILogger<TokenServerRoutes> log)
{
    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await RouteAsync(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client hung up; there is nobody to answer, and nothing is wrong.
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            var answer = e.StatusCode == StatusCodes.Status413PayloadTooLarge ? ErrorAnswer.TooLarge : ErrorAnswer.InvalidRequest("the request cannot be read");
            await answer.SendAsync(context.Response);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            Broken(log, context.Request.Method, context.Request.Path, e);
            context.Response.Clear();
            await ErrorAnswer.Broken.SendAsync(context.Response);
        }
    }

    private Task RouteAsync(HttpContext context) => context.Request.Path.Value switch
    {
        TokenEndpoint.Path => token.HandleAsync(context),
        JwksEndpoint.Path => jwks.HandleAsync(context),
        MetadataEndpoint.Path => metadata.HandleAsync(context),
        PullableEndpoint.Path => pullable.HandleAsync(context),
        ReportEndpoint.EventsPath => reports.HandleEventsAsync(context),
        ReportEndpoint.SnapshotPath => reports.HandleSnapshotAsync(context),
        RevocationFeedEndpoint.Path => revocations.HandleAsync(context),
        IntrospectionEndpoint.Path => introspection.HandleAsync(context),
        { } path when CatalogueEndpoint.Answers(path) => catalogue.HandleAsync(context),
        RevokeEndpoint.Path => revoke.HandleAsync(context),
        { } path when AccountTokensEndpoint.Answers(path) => accountTokens.HandleAsync(context),
        HealthEndpoint.LivePath => HealthEndpoint.LiveAsync(context),
        HealthEndpoint.ReadyPath => health.ReadyAsync(context),
        MetricsPage.Path => metrics.HandleAsync(context),
        _ => ErrorAnswer.NotFound.SendAsync(context.Response),
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} ended in an exception")]
    private static partial void Broken(ILogger log, string method, PathString path, Exception exception);
}
