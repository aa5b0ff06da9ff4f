using System.Diagnostics;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer;

/// <summary>
/// How every request is handled: 1 find the rows of its path in <see cref="TokenServerRoutes"/>, 2 among them the one for its method, 3
/// check the caller against the row, 4 run the row's handler, 5 send what it answers. An exception is a bug or a broken machine, written to
/// the log and answered here, without details.
/// </summary>
internal sealed partial class TokenServerEndpoint(
    TokenServerPath path, AccessCheck access, PortalGate gate, ErrorPages errors, TimeProvider time, ILogger<TokenServerEndpoint> log)
{
    private static readonly TimeSpan TellOutageEvery = TimeSpan.FromSeconds(10);

    private static readonly ErrorAnswer NotFound =
        ErrorAnswer.NotFound($"not found: tokens are at {TokenEndpoint.Path}, keys at {JwksEndpoint.Path}");

    private readonly LogThrottle outages = new(TellOutageEvery, time);

    /// <summary>Finds the row for one request, checks the caller, runs the handler and sends the answer.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            CountBody(context);
            await RunAsync(context);
        }
        catch (Exception e) when (ClientDisconnect.Is(e, context))
        {
            ClientDisconnect.Abort(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && MalformedBody.StatusOf(e) is { } status)
        {
            var answer = status == StatusCodes.Status413PayloadTooLarge
                ? ErrorAnswer.TooLarge
                : ErrorAnswer.InvalidRequest("the request cannot be read");
            await SendAsync(answer, context);
        }
        catch (UnstorableTextException) when (!context.Response.HasStarted)
        {
            await SendAsync(ErrorAnswer.InvalidRequest("a text in the request contains a NUL or another impossible character"), context);
        }
        catch (DatabaseUnavailableException e) when (!context.Response.HasStarted)
        {
            if (outages.IsTime(out var others)) LogOutage(log, e.Message, others);
            await SendAsync(ErrorAnswer.DatabaseUnavailable(DatabaseUnavailableException.RetryAfter), context);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            Broken(log, LogText.Clean(context.Request.Method), LogText.Clean(context.Request.Path), e);
            context.Response.Clear();
            RequestId.AddTo(context);
            await SendAsync(ErrorAnswer.Broken(context.TraceIdentifier), context);
        }
    }

    private async Task SendAsync(ErrorAnswer error, HttpContext context)
    {
        var (rows, _) = path.Find(context.Request.Path.Value ?? "");
        await (await errors.ForAsync(context.Request, rows.All(r => r.IsPage), error)).SendAsync(context.Response);
    }

    /// <summary>Has the body counted where its length is not known: registries send theirs in chunks.</summary>
    private static void CountBody(HttpContext context)
    {
        if (context.Request.ContentLength is not null || RequestRecord.Current is not { } record) return;
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            context.Request.Body = new CountedBodyStream(context.Request.Body, record);
        }
    }

    private async Task RunAsync(HttpContext context)
    {
        var (rows, argument) = path.Find(context.Request.Path.Value ?? "");
        if (rows is not [var first, ..])
        {
            await SendAsync(NotFound, context);
            return;
        }

        if (RequestRecord.Current is { } record) record.Route = first.Name;
        if (first.Access is RouteAccess.Shared shared)
        {
            await shared.Handler(context);
            return;
        }

        var row = rows.FirstOrDefault(r => r.Methods.Any(m => HttpMethods.Equals(m, context.Request.Method)));
        if (row is null)
        {
            await SendAsync(ErrorAnswer.MethodNotAllowed(string.Join(", ", rows.SelectMany(r => r.Methods))), context);
            return;
        }

        var answer = await AnswerAsync(row, new RouteRequest(context.Request, argument));
        await answer.SendAsync(context.Response);
    }

    private async Task<Answer> AnswerAsync(TokenServerRoute row, RouteRequest request)
    {
        ErrorAnswer? refused;
        switch (row.Access)
        {
            case RouteAccess.Anyone anyone:
                return await anyone.Handler(Admit(request, row));
            case RouteAccess.Registry registry:
                return access.Registry(request).TryGet(out var service, out refused)
                    ? await registry.Handler(Admit(request, row), service)
                    : refused;
            case RouteAccess.Account account:
                return (await access.AccountAsync(request)).TryGet(out var owner, out refused)
                    ? await account.Handler(Admit(request, row), owner)
                    : refused;
            case RouteAccess.Subject subject:
                return (await access.SubjectAsync(request)).TryGet(out var caller, out refused)
                    ? await subject.Handler(Admit(request, row), caller)
                    : refused;
            case RouteAccess.Page page:
                return await ShowAsync(page.Handler, row, request, await gate.VisitorAsync(request));
            case RouteAccess.SessionPage page:
                return await ShowAsync(page.Handler, row, request, await gate.SignedInAsync(request));
            case RouteAccess.PageForm form:
                return await TakeAsync(form.Handler, row, request, await gate.VisitorAsync(request));
            case RouteAccess.SessionForm form:
                return await TakeAsync(form.Handler, row, request, await gate.SignedInAsync(request));
            case RouteAccess.AdminPage page:
                return await ShowAsync(page.Handler, row, request, await gate.AdminAsync(request, page.Area, ActionSet.Pull));
            case RouteAccess.AdminQuestion form:
                return await TakeAsync(form.Handler, row, request, await gate.AdminAsync(request, form.Area, ActionSet.Pull));
            case RouteAccess.AdminForm form:
                return await TakeAsync(form.Handler, row, request, await gate.AdminAsync(request, form.Area, ActionSet.Push));
            default:
                throw new UnreachableException($"Unknown access {row.Access.GetType().Name}.");
        }
    }

    private static async Task<Answer> ShowAsync<T>(
        Func<RouteRequest, T, Task<Answer>> handler, TokenServerRoute row, RouteRequest request, GateResult<T> who)
        where T : Visitor =>
        who.TryGet(out var visitor, out var refused) ? await handler(Admit(request, row), visitor) : refused;

    private async Task<Answer> TakeAsync<T>(
        Func<RouteRequest, T, Form, Task<Answer>> handler, TokenServerRoute row, RouteRequest request, GateResult<T> who)
        where T : Visitor
    {
        if (!who.TryGet(out var visitor, out var refused)) return refused;
        var fields = await gate.FormAsync(Admit(request, row), visitor);
        return fields.TryGet(out var form, out refused) ? await handler(request, visitor, form) : refused;
    }

    /// <summary>Sets the row's limit, now that the caller is known: strangers are kept to the server's own.</summary>
    private static RouteRequest Admit(RouteRequest request, TokenServerRoute row)
    {
        if (row.MaxBody > 0)
        {
            request.Http.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = row.MaxBody;
        }

        return request;
    }

    [LoggerMessage(
        EventId = LogEvents.DatabaseUnavailable, EventName = nameof(LogEvents.DatabaseUnavailable), Level = LogLevel.Warning,
        Message = "A request was answered with 503: {Reason} ({Others} more since the last such message)")]
    private static partial void LogOutage(ILogger log, string reason, long others);

    [LoggerMessage(
        EventId = LogEvents.RequestFailed, EventName = nameof(LogEvents.RequestFailed), Level = LogLevel.Error,
        Message = "{Method} {Path} failed with an exception")]
    private static partial void Broken(ILogger log, string method, string path, Exception exception);
}
