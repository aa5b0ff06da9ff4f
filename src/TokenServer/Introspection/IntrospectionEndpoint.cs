using System.Text.Json;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Introspection;

/// <summary>
/// POST <c>/introspect</c> (RFC 7662): a registry asks whether a token for it is valid now, which its signature alone cannot show: the
/// token may have been revoked, its account suspended or gone.
/// </summary>
internal sealed partial class IntrospectionEndpoint(
    TokenIntrospection tokens, Authenticator authenticator, TimeProvider time, ILogger<IntrospectionEndpoint> log)
{
    /// <summary>The path of the endpoint.</summary>
    public const string Path = ServerPaths.Introspection;

    private static readonly byte[] Inactive = JsonSerializer.SerializeToUtf8Bytes(
        new IntrospectionAnswer(false), WireJson.Answers.IntrospectionAnswer);

    /// <summary>Reports whether the form's token is valid for the registry that asks.</summary>
    public async Task<Answer> AnswerAsync(RouteRequest request, RegistryService service)
    {
        if (await TokenOfAsync(request.Http, request.Aborted) is not { } text)
        {
            return ErrorAnswer.InvalidRequest("the body must be a form with one token (RFC 7662 section 2.1)");
        }

        var now = time.GetUtcNow();
        var (token, problem) = await tokens.ReadAsync(text, [service.Audience], now);
        if (token is null) return Void(service, problem);
        if (token.Account.Length == 0) return JsonAnswer.Ok(Active(token));
        switch ((await authenticator.FindHolderAsync(token.Account, token.Grant, token.SignIn, now, request.Aborted)).Outcome)
        {
            case SignInOutcome.SignedIn:
                return JsonAnswer.Ok(Active(token));
            case SignInOutcome.Unavailable outage:
                LogUnknown(log, service.Name, outage.Reason);
                return ErrorAnswer.Unavailable(outage.RetryAfter);
            case SignInOutcome.Refused { Reason: var reason }:
                return Void(service, reason);
            default:
                return Void(service, "its account no longer exists");
        }
    }

    private JsonAnswer Void(RegistryService service, string problem)
    {
        LogInactive(log, service.Name, problem);
        return JsonAnswer.Ok(Inactive);
    }

    /// <summary>The form's token; null when there is none or more than one, or no form.</summary>
    private static async Task<string?> TokenOfAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasFormContentType) return null;
        try
        {
            var form = await request.ReadFormAsync(cancellationToken);
            return form["token"] is [{ Length: > 0 } token] ? token : null;
        }
        catch (InvalidDataException)
        {
            return null; // more members, or longer ones, than any such form has
        }
    }

    private static byte[] Active(IssuedTokenReader token) => JsonBytes.Write(token, static (json, token) =>
    {
        json.WriteStartObject();
        json.WriteBoolean("active"u8, true);
        json.WriteString("token_type"u8, "Bearer"u8);
        foreach (var name in (ReadOnlySpan<string>)["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])
        {
            json.WritePropertyName(name);
            token.Claims.GetProperty(name).WriteTo(json);
        }

        json.WriteString("scope"u8, string.Join(' ', token.Granted));
        json.WriteEndObject();
    });

    [LoggerMessage(
        EventId = LogEvents.TokenInactive, EventName = nameof(LogEvents.TokenInactive), Level = LogLevel.Debug,
        Message = "A token is not valid for {Service}: {Reason}")]
    private static partial void LogInactive(ILogger log, string service, string reason);

    [LoggerMessage(
        EventId = LogEvents.TokenOwnerUnknown, EventName = nameof(LogEvents.TokenOwnerUnknown), Level = LogLevel.Warning,
        Message = "Cannot tell {Service} whether the token's account still exists: {Reason}")]
    private static partial void LogUnknown(ILogger log, string service, string reason);
}
