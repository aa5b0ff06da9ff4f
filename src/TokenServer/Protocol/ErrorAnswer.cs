using System.Globalization;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>
/// An error answer to a client, with its status. The body has both forms that clients read: <c>error</c> and <c>error_description</c> (RFC
/// 6749 section 5.2) and <c>errors[]</c> (OCI distribution-spec, "Error codes"), whose message docker prints; a 401 also has
/// <c>details</c>.
/// </summary>
internal sealed record ErrorAnswer : Answer
{
    /// <summary>The header of a 401: passwords are read as UTF-8 (RFC 7617 section 2.1).</summary>
    public const string Challenge = "Basic realm=\"authindex\", charset=\"UTF-8\"";

    private ErrorAnswer(int status, string error, string code, string message)
    {
        Status = status;
        Error = error;
        Code = code;
        Message = message;
    }

    /// <summary>The HTTP status, 400 to 599.</summary>
    public int Status { get; }

    /// <summary>The error code of RFC 6749 section 5.2.</summary>
    public string Error { get; }

    /// <summary>The code of the distribution-spec; docker's command line prints <c>unknown</c> for any that it does not know.</summary>
    public string Code { get; }

    /// <summary>The message for the user.</summary>
    public string Message { get; }

    /// <summary>The <c>Retry-After</c>; null for none.</summary>
    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>The allowed methods; null unless the method is wrong.</summary>
    public string? Allow { get; private init; }

    /// <summary>The account or password is wrong. One text for all causes, so that accounts cannot be enumerated.</summary>
    /// <param name="decision">The id under which the logs have the cause.</param>
    public static ErrorAnswer SignInFailed(string decision) =>
        Unauthorized($"sign-in failed: no such account or wrong password (decision {decision})");

    /// <summary>A bug or a broken machine; the log has the details.</summary>
    /// <param name="requestId">The request's id in the log.</param>
    public static ErrorAnswer Broken(string requestId) =>
        new(
            StatusCodes.Status500InternalServerError, "server_error", "UNKNOWN",
            $"internal error; see the server's log for request id {requestId}");

    /// <summary>There is nothing at this path; the message names valid paths.</summary>
    public static ErrorAnswer NotFound(string message) => new(StatusCodes.Status404NotFound, "invalid_request", "UNSUPPORTED", message);

    /// <summary>The catalog has no such repository that the caller may see: one text, so that names cannot be probed.</summary>
    public static ErrorAnswer RepositoryUnknown { get; } = new(
        StatusCodes.Status404NotFound, "invalid_request", "NAME_UNKNOWN", "there is no such repository, or you may not pull from it");

    /// <summary>The request's body exceeds the limit.</summary>
    public static ErrorAnswer TooLarge { get; } = new(
        StatusCodes.Status413PayloadTooLarge, "invalid_request", "UNSUPPORTED", "the request's body is too large");

    /// <summary>The request is wrong; the message says what.</summary>
    public static ErrorAnswer InvalidRequest(string message) =>
        new(StatusCodes.Status400BadRequest, "invalid_request", "UNSUPPORTED", message);

    /// <summary>A scope is wrong; the message says what (RFC 6749 section 5.2).</summary>
    public static ErrorAnswer InvalidScope(string message) => new(StatusCodes.Status400BadRequest, "invalid_scope", "UNSUPPORTED", message);

    /// <summary>The <c>grant_type</c> is not supported (RFC 6749 section 5.2).</summary>
    public static ErrorAnswer UnsupportedGrantType { get; } = new(
        StatusCodes.Status400BadRequest, "unsupported_grant_type", "UNSUPPORTED",
        "the grant_type must be password, refresh_token or the token exchange grant (RFC 8693)");

    /// <summary>A token of that kind cannot be revoked here (RFC 7009 section 2.2.1).</summary>
    public static ErrorAnswer UnsupportedTokenType { get; } =
        new(
            StatusCodes.Status400BadRequest, "unsupported_token_type", "UNSUPPORTED",
            "registry tokens cannot be revoked individually; they expire within minutes. Revoke the refresh or access token instead");

    /// <summary>The caller is authenticated but may not do this.</summary>
    public static ErrorAnswer Forbidden(string message) => new(StatusCodes.Status403Forbidden, "access_denied", "DENIED", message);

    /// <summary>The account has reached a limit.</summary>
    public static ErrorAnswer LimitReached(string message) => new(StatusCodes.Status409Conflict, "limit_reached", "DENIED", message);

    /// <summary>The account has no such token; the same text for other accounts' tokens.</summary>
    public static ErrorAnswer TokenUnknown { get; } = new(
        StatusCodes.Status404NotFound, "invalid_request", "UNSUPPORTED", "you have no token with this id");

    /// <summary>The caller is not authenticated.</summary>
    public static ErrorAnswer Unauthorized(string message) =>
        new(StatusCodes.Status401Unauthorized, "invalid_client", "UNAUTHORIZED", message);

    /// <summary>A report does not continue the catalog's position.</summary>
    public static ErrorAnswer OutOfStep(string message) => new(StatusCodes.Status409Conflict, "out_of_step", "UNSUPPORTED", message);

    /// <summary>The path is right, the method is not.</summary>
    public static ErrorAnswer MethodNotAllowed(string allow) =>
        new(
            StatusCodes.Status405MethodNotAllowed, "invalid_request", "UNSUPPORTED",
            $"the method is not allowed here; allowed: {allow}") { Allow = allow };

    /// <summary>A required part is unavailable. Never 401: docker would report a wrong password.</summary>
    public static ErrorAnswer Unavailable(TimeSpan retryAfter, string? decision = null) =>
        new(
            StatusCodes.Status503ServiceUnavailable, "temporarily_unavailable", "UNAVAILABLE",
            $"sign-in is not possible at the moment; try again later{(decision is null ? "" : $" (decision {decision})")}") { RetryAfter =
                retryAfter };

    /// <summary>The database does not answer; whether what was asked for has been done is not known, so it is asked for again.</summary>
    /// <param name="retryAfter">When it is worth trying again.</param>
    public static ErrorAnswer DatabaseUnavailable(TimeSpan retryAfter) =>
        new(
            StatusCodes.Status503ServiceUnavailable, "temporarily_unavailable", "UNAVAILABLE",
            "the index's database is not available; try again later") { RetryAfter = retryAfter };

    /// <summary>
    /// Too many sign-ins have failed, so this one was not checked (RFC 6585 section 4). Docker prints the code in lower case and the
    /// message.
    /// </summary>
    /// <param name="retryAfter">When it is worth trying again.</param>
    public static ErrorAnswer TooManySignIns(TimeSpan retryAfter) =>
        new(
            StatusCodes.Status429TooManyRequests, "temporarily_unavailable", "TOOMANYREQUESTS",
            string.Create(
                CultureInfo.InvariantCulture,
                $"too many failed sign-ins; try again in {Math.Ceiling(retryAfter.TotalSeconds)} s")) { RetryAfter = retryAfter };

    /// <summary>More requests than an address may make without credentials (RFC 6585 section 4).</summary>
    /// <param name="retryAfter">When there is room again.</param>
    public static ErrorAnswer TooManyRequests(TimeSpan retryAfter) =>
        new(
            StatusCodes.Status429TooManyRequests, "temporarily_unavailable", "TOOMANYREQUESTS",
            "too many anonymous requests from this address; sign in or try again later") { RetryAfter = retryAfter };

    /// <summary>
    /// The answer where credentials are in the body: 400 with <c>invalid_grant</c> in place of 401 (RFC 6749 section 5.2).
    /// </summary>
    public ErrorAnswer AsInvalidGrant() =>
        Status == StatusCodes.Status401Unauthorized ? new(StatusCodes.Status400BadRequest, "invalid_grant", Code, Message) : this;

    /// <summary>
    /// The answer to a refresh token that is not accepted: the word of RFC 6749 section 5.2, but with 401, since skopeo and podman show
    /// the reason with no other status.
    /// </summary>
    public ErrorAnswer AsInvalidRefreshToken() =>
        Status == StatusCodes.Status401Unauthorized ? new(Status, "invalid_grant", Code, Message) : this;

    /// <summary>
    /// The answer to a token exchange: a subject token that is not accepted is an invalid request (RFC 8693 section 2.2.2).
    /// </summary>
    public ErrorAnswer AsInvalidSubject() =>
        Status == StatusCodes.Status401Unauthorized ? new(StatusCodes.Status400BadRequest, "invalid_request", Code, Message) : this;

    /// <summary>The exchange's target is not a registry of this server (RFC 8693 section 2.2.2).</summary>
    public static ErrorAnswer InvalidTarget(string message) =>
        new(StatusCodes.Status400BadRequest, "invalid_target", "UNSUPPORTED", message);

    /// <inheritdoc/>
    public override Task SendAsync(HttpResponse response)
    {
        var headers = response.Headers;
        headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized) headers.WWWAuthenticate = Challenge;
        if (RetryAfter is { } wait) headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (Allow is not null) headers.Allow = Allow;
        return JsonBytes.SendAsync(response, Status, Body());
    }

    private byte[] Body() => JsonBytes.Write(this, static (json, answer) =>
    {
        json.WriteStartObject();
        json.WriteString("error"u8, answer.Error);
        json.WriteString("error_description"u8, answer.Message);
        json.WriteStartArray("errors"u8);
        json.WriteStartObject();
        json.WriteString("code"u8, answer.Code);
        json.WriteString("message"u8, answer.Message);
        json.WriteEndObject();
        json.WriteEndArray();

        // Docker Engine up to version 28 recognizes a refused sign-in only by this member; without it, it falls back to plain HTTP and
        // shows that error.
        if (answer.Status == StatusCodes.Status401Unauthorized) json.WriteString("details"u8, answer.Message);
        json.WriteEndObject();
    });
}
