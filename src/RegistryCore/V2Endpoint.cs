using System.Text.Json;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Uploads;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TokenContract;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore;

/// <summary>
/// How every request under <c>/v2/</c> travels: 1 match it to a row of <see cref="V2Routes"/>, 2 check the token against the row,
/// 3 run the row's handler, 4 render the error if there is one.
/// </summary>
/// <param name="path">Finds the row.</param>
/// <param name="upstreams">Knows which names are those of other registries.</param>
/// <param name="access">Checks the token.</param>
/// <param name="rate">Limits who shows none.</param>
/// <param name="basePath">The public URL without its final slash, with which locations begin; empty to answer with paths.</param>
/// <param name="log">The log.</param>
internal sealed partial class V2Endpoint(
    V2Path path, UpstreamNames upstreams, AccessCheck access, UnauthenticatedRate rate, string basePath, ILogger<V2Endpoint> log)
{
    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        OciError? error;
        try
        {
            error = await RunAsync(http);
        }
        catch (Exception e) when (ClientDisconnect.Is(e, http))
        {
            LogDisconnected(log, http.Request.Method, http.Request.Path.Value);
            ClientDisconnect.Abort(http);
            return;
        }
        catch (Exception e) when (MalformedBody.StatusOf(e) is { } status)
        {
            error = new OciError(status, "UNSUPPORTED", e.Message);
        }
        catch (Exception e) when (IsStorageFull(e))
        {
            LogFull(log, http.TraceIdentifier, http.Request.Method, http.Request.Path.Value, e.Message);
            error = OciError.NoSpace(http.TraceIdentifier, IsRead(http));
        }
        catch (DatabaseUnavailableException e)
        {
            LogUnavailable(log, http.TraceIdentifier, http.Request.Method, http.Request.Path.Value, e.Message);
            error = OciError.Unavailable("the registry's database does not answer; try again");
        }
        catch (ObjectStoreException e)
        {
            LogStoreFailed(log, http.TraceIdentifier, http.Request.Method, http.Request.Path.Value, e.Message);
            error = OciError.Unavailable("the registry's object store does not answer; try again");
        }
        catch (BlobTooLargeException e)
        {
            error = OciError.BlobTooLarge(e.Most);
        }
        catch (Exception e)
        {
            LogFailure(log, http.TraceIdentifier, http.Request.Method, http.Request.Path.Value, e);
            error = OciError.Internal(http.TraceIdentifier);
        }

        if (error is not null) await RenderAsync(http, error);
    }

    private async Task<OciError?> RunAsync(HttpContext http)
    {
        // A plus in a query is a plus (RFC 3986), as in media types that end in +json, and not the space of HTML forms.
        if (http.Request.QueryString.Value is { } query && query.Contains('+', StringComparison.Ordinal))
        {
            http.Request.QueryString = new(query.Replace("+", "%2B", StringComparison.Ordinal));
        }

        if (!path.TryFind(http.Request.Method, RawPath(http), out var match, out var mismatch)) return mismatch;
        if (RequestRecord.Current is { } record)
        {
            (record.Route, record.Repository) = (match.Route.Name, match.Route.HasRepository ? match.Repository.Value : null);
        }

        if (match.Route.IsOpen)
        {
            // Whoever it is, is known only to the index: what is sent may be nothing.
            return rate.Take(http.Connection.RemoteIpAddress) is { } pause
                ? OciError.TooManyRequests(pause)
                : await match.Route.Handler(new V2Request(http, match.Repository, match.Argument, VerifiedToken.None, basePath));
        }

        var mirrored = upstreams.Any && match.Route.HasRepository
            ? upstreams.Find(match.Repository, http.Request.Query["ns"])
            : null;
        var named = mirrored?.Asked ?? match.Repository;
        var required = match.Route.OnRegistry ?? (match.Route.Needs.IsEmpty ? null : Scope.Repository(named, match.Route.Needs));
        var asked = match.Route.Tail == "_catalog"
            ? Scope.Catalog
            : match.Route.Asks.IsEmpty ? match.Route.OnRegistry : Scope.Repository(named, match.Route.Asks);
        var source = UploadEndpoint.MountSource(http.Request, match.Route.Tail);
        var (token, refused) = await access.CheckAsync(
            http.Request.Headers.Authorization, required, asked, source, IsRead(http), http.RequestAborted);
        if ((token is null || token.Subject.Length == 0) && rate.Take(http.Connection.RemoteIpAddress) is { } wait)
        {
            return OciError.TooManyRequests(wait);
        }

        if (token is null) return refused;

        var request = new V2Request(http, mirrored?.Local ?? match.Repository, match.Argument, token, basePath);
        if (mirrored is not null) return await RunMirroredAsync(match.Route, request, mirrored);
        return match.Route.Needs.Covers(ActionSet.Push) && upstreams.PushRefusal(request.Repository) is { } readOnly
            ? readOnly
            : await match.Route.Handler(request);
    }

    /// <summary>A copy of an upstream is filled by pulls alone; what is here of it can be deleted and looked at as all else.</summary>
    private static async Task<OciError?> RunMirroredAsync(V2Route route, V2Request request, UpstreamRepository repository)
    {
        RequestRecord.Current?.Repository = repository.Local.Value;
        if (route.FromUpstream is { } handler) return await handler(request, repository);
        return route.Needs.Covers(ActionSet.Push)
            ? OciError.MirrorIsReadOnly(repository.Local, repository.Upstream.Name)
            : await route.Handler(request);
    }

    private static async Task RenderAsync(HttpContext http, OciError error)
    {
        var response = http.Response;
        if (response.HasStarted)
        {
            // The status is already out; only a broken connection can still tell the client.
            http.Abort();
            return;
        }

        var keep = (string?)response.Headers["Docker-Distribution-Api-Version"];
        response.Clear();
        response.Headers["Docker-Distribution-Api-Version"] = keep;
        RequestId.AddTo(http);
        response.StatusCode = error.Status;
        foreach (var (name, value) in error.Headers) response.Headers[name] = value;

        var body = JsonSerializer.SerializeToUtf8Bytes(new ErrorBody([new ErrorEntry(error.Code, error.Message, error.Detail)]), ErrorJson);
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await response.BodyWriter.WriteAsync(body, http.RequestAborted);
    }

    /// <summary>The path as it came over the wire, without the query and not decoded.</summary>
    private static string RawPath(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.IndexOf("://", StringComparison.Ordinal) is var scheme and > 0 && !target.StartsWith('/'))
        {
            // Absolute form, as proxies are asked (RFC 9112 section 3.2.2): its path is as little decoded as that of the ordinary form.
            var start = target.AsSpan(scheme + 3).IndexOfAny('/', '?');
            target = start < 0 ? "/" : target[(scheme + 3 + start)..];
        }

        var query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? target : target[..query];
    }

    private static bool IsRead(HttpContext http) => HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);

    private static bool IsStorageFull(Exception e)
    {
        const int noSpace = 28, quota = 122, sqliteFull = 13; // ENOSPC, EDQUOT, SQLITE_FULL
        return e is Storage.StorageFullException or IOException { HResult: noSpace or quota }
            or SqliteException { SqliteErrorCode: sqliteFull };
    }

    private static readonly JsonSerializerOptions ErrorJson = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
        // a JSON body is never HTML; people read the quotes
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private sealed record ErrorBody(IReadOnlyList<ErrorEntry> Errors);

    private sealed record ErrorEntry(string Code, string Message, IReadOnlyDictionary<string, string>? Detail);

    [LoggerMessage(
        EventId = LogEvents.ClientDisconnected, EventName = nameof(LogEvents.ClientDisconnected), Level = LogLevel.Debug,
        Message = "The client disconnected during {Method} {Path}")]
    private static partial void LogDisconnected(ILogger log, string method, string? path);

    [LoggerMessage(
        EventId = LogEvents.StorageFull, EventName = nameof(LogEvents.StorageFull), Level = LogLevel.Warning,
        Message = "Not enough space for request {RequestId}: {Method} {Path}: {Reason}")]
    private static partial void LogFull(ILogger log, string requestId, string method, string? path, string reason);

    [LoggerMessage(
        EventId = LogEvents.DatabaseUnavailable, EventName = nameof(LogEvents.DatabaseUnavailable), Level = LogLevel.Warning,
        Message = "The database did not answer request {RequestId}: {Method} {Path}: {Reason}")]
    private static partial void LogUnavailable(ILogger log, string requestId, string method, string? path, string reason);

    [LoggerMessage(
        EventId = LogEvents.ObjectStoreFailed, EventName = nameof(LogEvents.ObjectStoreFailed), Level = LogLevel.Warning,
        Message = "The object store failed request {RequestId}: {Method} {Path}: {Reason}")]
    private static partial void LogStoreFailed(ILogger log, string requestId, string method, string? path, string reason);

    [LoggerMessage(
        EventId = LogEvents.RequestFailed, EventName = nameof(LogEvents.RequestFailed), Level = LogLevel.Error,
        Message = "Request {RequestId} failed: {Method} {Path}")]
    private static partial void LogFailure(ILogger log, string requestId, string method, string? path, Exception e);
}
