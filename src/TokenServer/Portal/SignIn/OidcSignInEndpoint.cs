using System.Net.Sockets;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Token;
using Microsoft.AspNetCore.Authentication;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>
/// GET <c>/sign-in/with/{provider}</c> sends a browser to an OpenID Connect provider, and GET <c>/sign-in/callback/{provider}</c> is where
/// it comes back (OpenID Connect Core section 3.1). Each provider has a redirect URI of its own, so that the answer of one is never taken
/// for another's (RFC 9700 section 4.4.2). Failures are reported and counted as those of other sign-ins.
/// </summary>
internal sealed class OidcSignInEndpoint(
    OidcProviders providers, OidcHandlers handlers, PeopleSource people, Authenticator authenticator, SuspendedAccounts suspended,
    SignInLimits limits, SessionStart sessions, SessionCookies cookies, DecisionReport report, SignInForm form, PageRenderer pages,
    TimeProvider time)
{
    /// <summary>Where a sign-in begins, below it the provider's name.</summary>
    public const string StartPath = SignInPageEndpoint.Path + "/with";

    /// <summary>Where a provider sends browsers back to, below it the provider's name.</summary>
    public const string CallbackPath = SignInPageEndpoint.Path + "/callback";

    private const string NoService = ""; // an account is one for all registries

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private static readonly ErrorAnswer Unknown = ErrorAnswer.NotFound("there is no such sign-in provider");

    /// <summary>Where a sign-in at a provider begins.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="back">The path to go to afterwards.</param>
    /// <param name="isAgain">Whether the provider is to ask who it is even if it knows.</param>
    public static string StartPathOf(OidcProvider provider, string back, bool isAgain) =>
        $"{StartPath}/{provider.Name}?{(isAgain ? "again=1&" : "")}return={Uri.EscapeDataString(back)}";

    /// <summary>Where a provider sends browsers back to.</summary>
    public static string CallbackPathOf(OidcProvider provider) => $"{CallbackPath}/{provider.Name}";

    /// <summary>Sends the browser to a provider.</summary>
    public async Task<Answer> StartAsync(RouteRequest request, Visitor visitor)
    {
        if (providers.Find(request.Argument) is not { } provider) return await pages.ProblemAsync(visitor, Unknown);
        var (http, query) = (request.Http.HttpContext, request.Http.Query);
        var back = PortalSite.ReturnPath(query["return"].FirstOrDefault());
        var (browser, isNew) = SessionSecret.TryParse(request.Http.Cookies[cookies.SignInForm], out var known)
            ? (known, false)
            : (SessionSecret.New(), true);
        var properties = new AuthenticationProperties { RedirectUri = back };
        if (query.ContainsKey("again"))
        {
            properties.SetParameter(OpenIdConnectParameterNames.Prompt, OpenIdConnectPrompt.Login);
            properties.SetParameter<TimeSpan?>(OpenIdConnectParameterNames.MaxAge, TimeSpan.Zero); // so that it says when it asked
        }

        SealedState.Use(browser);
        try
        {
            await (await handlers.OfAsync(provider, http)).ChallengeAsync(properties);
        }
        catch (Exception e) when (IsOutage(e) && !request.Aborted.IsCancellationRequested)
        {
            http.Response.Clear();
            return await RefusedAsync(Away(provider, e), request, visitor, browser, back);
        }

        return new StartedAnswer(isNew ? cookies.Set(cookies.SignInForm, browser) : null);
    }

    /// <summary>Signs in whoever comes back from a provider.</summary>
    public async Task<Answer> FinishAsync(RouteRequest request, Visitor visitor)
    {
        if (providers.Find(request.Argument) is not { } provider) return await pages.ProblemAsync(visitor, Unknown);
        var isKnown = SessionSecret.TryParse(request.Http.Cookies[cookies.SignInForm], out var known);
        var browser = isKnown ? known! : SessionSecret.New(); // a new one reads no state
        var cookie = isKnown ? null : cookies.Set(cookies.SignInForm, browser);

        // 1 limits, before anything is asked of the provider
        if (limits.TokenObstacle(request.Address) is { } limited)
        {
            return await RefusedAsync(limited, request, visitor, browser, "/", cookie);
        }

        // 2 the protocol: state, nonce, code, ID token
        var attempt = OidcAttempt.Begin(request.Http.HttpContext);
        SealedState.Use(browser);
        await (await handlers.OfAsync(provider, request.Http.HttpContext)).HandleRequestAsync();
        var back = PortalSite.ReturnPath(attempt.Return);
        if (Outcome(attempt, provider) is { } failed)
        {
            if (attempt.RefusedSubject is { } refused) await people.RefusedAsync(provider, refused);
            if (failed is SignInOutcome.Refused)
            {
                failed = limits.UnknownToken(request.Address, request.Http.QueryString.Value ?? "", failed) ?? failed;
            }

            return await RefusedAsync(failed, request, visitor, browser, back, cookie);
        }

        // 3 the account, by the rules of all accounts
        var endingsSeen = suspended.NewestEnding;
        if (await people.SignedInAsync(attempt.Person!, provider) is not { } person)
        {
            var taken = Refused(
                provider, "somebody else has this name here, in another spelling; ask your administrator",
                $"somebody else has the name {attempt.Person!.Account} in another spelling");
            return await RefusedAsync(taken, request, visitor, browser, back, cookie, attempt.Person.Account);
        }

        var found = await authenticator.FindAccountAsync(person.Account, request.Aborted);
        if (found is not SignInOutcome.SignedIn { Origin: { } origin } who)
        {
            return await RefusedAsync(found, request, visitor, browser, back, cookie, person.Account);
        }

        // Somebody else of that name signed in at the same moment.
        if (origin.EntryId != person.Subject)
        {
            return await RefusedAsync(SignInOutcome.Overtaken, request, visitor, browser, back, cookie, who.Account);
        }

        // 4 the session
        return await sessions.BeginAsync(
            who with { EndingsSeen = endingsSeen }, origin, request, visitor, back, attempt.Authenticated ?? DateTimeOffset.MinValue)
            ?? await RefusedAsync(SignInOutcome.Overtaken, request, visitor, browser, back, cookie, who.Account);
    }

    private static SignInOutcome? Outcome(OidcAttempt attempt, OidcProvider provider)
    {
        if (attempt.IsDenied) return Refused(provider, "the sign-in was cancelled there", "it was declined at the provider");
        if (attempt.Failure is { } failure)
        {
            if (IsOutage(failure)) return Away(provider, failure);
            var reason = Reason(failure);
            return attempt.Return is null
                ? Refused(provider, "this sign-in is out of date or was begun in another browser; try again", reason)
                : Refused(provider, "its answer was not accepted; try again, or ask your administrator", reason);
        }

        if (!attempt.IsComplete) return Refused(provider, "its answer could not be read; try again", "the answer was not handled");
        return attempt.Refusal is { } refusal
            ? Refused(provider, "your account there may not sign in here; ask your administrator", refusal)
            : null;
    }

    private static SignInOutcome.Refused Refused(OidcProvider provider, string told, string reason) =>
        new($"provider {provider.Name}: {reason}") { Told = $"{provider.DisplayName}: {told}" };

    private static SignInOutcome.Unavailable Away(OidcProvider provider, Exception e) =>
        new(Pause, $"provider {provider.Name}: it cannot be reached: {Reason(e)}");

    private static string Reason(Exception e) => LogText.Clean((e.InnerException ?? e).Message);

    /// <summary>Whether the provider could not be asked: its documents, its keys, its token endpoint.</summary>
    private static bool IsOutage(Exception e) =>
        e is HttpRequestException or IOException or SocketException or OperationCanceledException or InvalidOperationException
        || (e.InnerException is { } inner && IsOutage(inner));

    private async Task<Answer> RefusedAsync(
        SignInOutcome outcome, RouteRequest request, Visitor visitor, SessionSecret browser, string back, string? cookie = null,
        string account = "")
    {
        var error = report.NotSignedIn(new SignInResult(outcome, null), account, request.Address, NoService, time.GetUtcNow());
        var token = (visitor as SessionCaller)?.Secret.FormToken ?? browser.FormToken;
        return await form.RenderAsync(visitor, "", back, token, error) with { Cookie = cookie };
    }

    /// <summary>The way to the provider, as the protocol's handler has written it.</summary>
    private sealed record StartedAnswer(string? Cookie) : Answer
    {
        public override Task SendAsync(HttpResponse response)
        {
            PageHeaders.AddTo(response.Headers);
            if (Cookie is not null) response.Headers.Append("Set-Cookie", Cookie);
            response.ContentLength = 0;
            return Task.CompletedTask;
        }
    }
}
