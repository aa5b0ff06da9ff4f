using System.Text.Json;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Introspection;

/// <summary>
/// POST <c>/introspect</c> (RFC 7662): a registry asks whether a token for it is good at this moment, which its signature alone
/// cannot tell: the token may have been revoked, its account suspended or gone.
/// </summary>
internal sealed partial class IntrospectionEndpoint(
    IReadOnlyList<RegistryService> services, KeyStore keys, string issuer, Revocations revocations, TokenOwnerResolver issued, TimeProvider time, ILogger<IntrospectionEndpoint> log)
{
    /// <summary>Where registries ask.</summary>
    public const string Path = ServerPaths.Introspection;

    private static readonly byte[] Inactive = JsonSerializer.SerializeToUtf8Bytes(new IntrospectionAnswer(false), WireJson.Answers.IntrospectionAnswer);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            await ErrorAnswer.MethodNotAllowed("POST").SendAsync(context.Response);
            return;
        }

        if (RegistrySignIn.Read(context.Request.Headers.Authorization, services, out var service) is { } refused)
        {
            await refused.SendAsync(context.Response);
            return;
        }

        if (await TokenOfAsync(context.Request, context.RequestAborted) is not { } text)
        {
            await ErrorAnswer.InvalidRequest("the body is a form with one token (RFC 7662 section 2.1)").SendAsync(context.Response);
            return;
        }

        var now = time.GetUtcNow();
        var problem = IssuedTokenReader.Read(keys, issuer, text, service!.Audience, now, out var token);
        if (problem is null && revocations.IsVoid(token!.Account, token.Grant, token.Id, token.IssuedAt)) problem = "the token was revoked";
        if (problem is null && token!.Account.Length > 0)
        {
            switch ((await issued.FindAsync(token.Account, token.Grant, token.SignIn, now, context.RequestAborted)).Outcome)
            {
                case SignInOutcome.Unavailable outage:
                    LogUnknown(log, service.Name, outage.Reason);
                    await ErrorAnswer.Unavailable(outage.RetryAfter).SendAsync(context.Response);
                    return;
                case SignInOutcome.Refused { Reason: var reason }:
                    problem = reason;
                    break;
                case not SignInOutcome.SignedIn:
                    problem = "its account is gone";
                    break;
            }
        }

        if (problem is not null) LogInactive(log, service.Name, problem);
        context.Response.Headers.CacheControl = "no-store";
        await JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, problem is null ? Active(token!) : Inactive);
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

    [LoggerMessage(Level = LogLevel.Debug, Message = "A token is not good for {Service}: {Reason}")]
    private static partial void LogInactive(ILogger log, string service, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whether a token's account still exists cannot be told {Service}: {Reason}")]
    private static partial void LogUnknown(ILogger log, string service, string reason);
}
