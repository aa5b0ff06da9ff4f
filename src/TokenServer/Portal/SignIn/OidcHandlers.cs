using System.Text.Encodings.Web;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>
/// ASP.NET's handler of OpenID Connect (authorization code with PKCE), set up for each provider and run by the rows of the route table:
/// no middleware sees a request before them. Its log messages hold codes and states, so they are not written; what matters comes back
/// in <see cref="OidcAttempt"/>.
/// </summary>
internal sealed class OidcHandlers : IOptionsMonitor<OpenIdConnectOptions>, IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CookieLife = TimeSpan.FromMinutes(15);

    private readonly Dictionary<string, OpenIdConnectOptions> providers;
    private readonly TimeProvider time;

    public OidcHandlers(OidcProviders providers, SessionCookies cookies, PortalSite site, TimeProvider time)
    {
        this.time = time;
        this.providers = providers.All.ToDictionary(p => p.Name, p => Configure(p, cookies, site), StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public OpenIdConnectOptions CurrentValue => throw new NotSupportedException("Every provider has options of its own.");

    /// <summary>The handler of a provider for one request.</summary>
    public async Task<OpenIdConnectHandler> OfAsync(OidcProvider provider, HttpContext http)
    {
        var handler = new OpenIdConnectHandler(this, NullLoggerFactory.Instance, HtmlEncoder.Default, UrlEncoder.Default);
        await handler.InitializeAsync(new AuthenticationScheme(provider.Name, null, typeof(OpenIdConnectHandler)), http);
        return handler;
    }

    /// <inheritdoc/>
    public OpenIdConnectOptions Get(string? name) => providers[name!];

    /// <inheritdoc/>
    public IDisposable? OnChange(Action<OpenIdConnectOptions, string?> listener) => null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var options in providers.Values) options.Backchannel.Dispose();
    }

    private OpenIdConnectOptions Configure(OidcProvider provider, SessionCookies cookies, PortalSite site)
    {
        var (from, state) = (provider.Options, new SealedState(provider.Name));
        if (from.ClientSecretFile is { } file) _ = Secret(file, provider); // a mistake is told at the start
        var options = new OpenIdConnectOptions
        {
            Authority = from.Issuer,
            RequireHttpsMetadata = !KeysUrlAttribute.IsLoopbackHttp(new Uri(from.Issuer)),
            ClientId = from.ClientId,
            ResponseType = OpenIdConnectResponseType.Code,
            ResponseMode = OpenIdConnectResponseMode.Query, // a form of another site would come without our cookies (SameSite)
            UsePkce = true,
            PushedAuthorizationBehavior = PushedAuthorizationBehavior.Disable,
            CallbackPath = OidcSignInEndpoint.CallbackPathOf(provider),
            MapInboundClaims = false,
            DisableTelemetry = true,
            TimeProvider = time,
            StateDataFormat = state,
            StringDataFormat = state,
            CorrelationCookie = Cookie(cookies, "-oidc."),
            NonceCookie = Cookie(cookies, "-nonce."),
            TokenHandler = new SignedTokens(),
            Backchannel = new HttpClient(IssuerHttp.Handler(from.CaFile, $"tokenServer.portal.providers: {provider.Name}"))
            {
                Timeout = Timeout,
                MaxResponseContentBufferSize = IssuerKeys.MaxAnswerBytes,
            },
            TokenValidationParameters = new TokenValidationParameters
            {
                ValidIssuer = from.Issuer,
                ValidAudience = from.ClientId,
                ValidAlgorithms = from.Algorithms,
                LifetimeValidator = (start, end, _, _) =>
                    end + from.Leeway > time.GetUtcNow().UtcDateTime
                    && (start is null || start - from.Leeway <= time.GetUtcNow().UtcDateTime),
            },
            Events = EventsOf(provider, site),
        };
        options.Scope.Clear();
        foreach (var scope in from.Scopes.Prepend(OpenIdConnectScope.OpenId)) options.Scope.Add(scope);
        new OpenIdConnectPostConfigureOptions(new EphemeralDataProtectionProvider()).PostConfigure(provider.Name, options);
        options.Validate(provider.Name);
        return options;
    }

    private static CookieBuilder Cookie(SessionCookies cookies, string suffix) => new()
    {
        Name = cookies.Session + suffix,
        Path = "/", // as __Host- demands; a proxy may add a path
        HttpOnly = true,
        IsEssential = true,
        SameSite = SameSiteMode.Lax,
        SecurePolicy = cookies.IsSecure ? CookieSecurePolicy.Always : CookieSecurePolicy.None,
        Expiration = CookieLife,
    };

    private OpenIdConnectEvents EventsOf(OidcProvider provider, PortalSite site) => new()
    {
        OnRedirectToIdentityProvider = context =>
        {
            // What a discovery document names must not be forged on the way, and neither must codes and secrets be read there.
            if (!Uri.TryCreate(context.ProtocolMessage.IssuerAddress, UriKind.Absolute, out var url) || !KeysUrlAttribute.IsSafe(url))
            {
                throw new InvalidOperationException("the provider's authorization endpoint does not begin with https://");
            }

            context.ProtocolMessage.RedirectUri = site.PublicLink(OidcSignInEndpoint.CallbackPathOf(provider));
            return Task.CompletedTask;
        },
        OnMessageReceived = context =>
        {
            // RFC 9207: where a provider says who it is, it must be the one that was asked.
            if (context.ProtocolMessage.Iss is { } issuer && issuer != provider.Options.Issuer)
            {
                OidcAttempt.Of(context.HttpContext).Return = context.Properties?.RedirectUri;
                context.Fail("the answer is from another provider");
            }

            return Task.CompletedTask;
        },
        OnAuthorizationCodeReceived = async context =>
        {
            var provided = await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted);
            if (!Uri.TryCreate(provided.TokenEndpoint, UriKind.Absolute, out var url) || !KeysUrlAttribute.IsSafe(url))
            {
                context.Fail("the provider's token endpoint does not begin with https://");
                return;
            }

            if (provider.Options.ClientSecretFile is { } file) context.TokenEndpointRequest!.ClientSecret = Secret(file, provider);
        },
        OnTokenValidated = context =>
        {
            var attempt = OidcAttempt.Of(context.HttpContext);
            if (CompactJwt.Read(context.TokenEndpointResponse?.IdToken ?? "") is { } token)
            {
                attempt.Refusal = provider.Read(token.Claims, time.GetUtcNow(), out var person, out var refusedSubject);
                (attempt.Person, attempt.RefusedSubject) = (person, refusedSubject);
                attempt.Authenticated = OidcProvider.AuthenticatedAt(token.Claims);
            }
            else
            {
                context.Fail("the ID token is too long, or its parts are not JSON objects without duplicate members");
            }

            return Task.CompletedTask;
        },
        OnTicketReceived = context =>
        {
            var attempt = OidcAttempt.Of(context.HttpContext);
            (attempt.IsComplete, attempt.Return) = (true, context.ReturnUri);
            context.HandleResponse();
            return Task.CompletedTask;
        },
        OnAccessDenied = context =>
        {
            var attempt = OidcAttempt.Of(context.HttpContext);
            (attempt.IsDenied, attempt.Return) = (true, context.ReturnUrl);
            context.HandleResponse();
            return Task.CompletedTask;
        },
        OnRemoteFailure = context =>
        {
            var attempt = OidcAttempt.Of(context.HttpContext);
            (attempt.Failure, attempt.Return) = (context.Failure, context.Properties?.RedirectUri ?? attempt.Return);
            context.HandleResponse();
            return Task.CompletedTask;
        },
    };

    /// <exception cref="Hosting.OperatorException">The file is missing, or others can get at it.</exception>
    private static string Secret(string file, OidcProvider provider) => SecretFile.ReadText(
        file, $"the client secret of the provider {provider.Name}", "put the provider's secret into it");

    /// <summary>
    /// The handler would take an unsigned ID token from the token endpoint (OpenID Connect Core section 3.1.3.7); this does not.
    /// </summary>
    private sealed class SignedTokens : JsonWebTokenHandler
    {
        public override Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
        {
            validationParameters.RequireSignedTokens = true;
            return base.ValidateTokenAsync(token, validationParameters);
        }
    }
}
