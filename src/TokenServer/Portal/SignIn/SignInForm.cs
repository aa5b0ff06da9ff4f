using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>The page to sign in: by account and password, or at one of the providers.</summary>
internal sealed class SignInForm(OidcProviders providers, PageRenderer pages, PortalSite site)
{
    /// <summary>Renders it.</summary>
    /// <param name="visitor">Who sees it.</param>
    /// <param name="account">What was typed for the account.</param>
    /// <param name="back">The path to go to afterwards.</param>
    /// <param name="formToken">The form's token.</param>
    /// <param name="error">Why the last try failed; null for none.</param>
    public async Task<PageAnswer> RenderAsync(Visitor visitor, string account, string back, string formToken, ErrorAnswer? error = null)
    {
        var links = providers.All.Select(p => new ProviderLink(
            p.DisplayName, site.Link(OidcSignInEndpoint.StartPathOf(p, back, isAgain: visitor is SessionCaller))));
        var page = await pages.RenderAsync<SignInPage>(
            visitor, "Sign in", new SignInModel(account, back, formToken, error?.Message, [.. links]), StatusOf(error));
        return page with { RetryAfter = error?.RetryAfter };
    }

    /// <summary>Not 401, for which a browser would ask for a password by itself.</summary>
    private static int StatusOf(ErrorAnswer? error) => error switch
    {
        null => StatusCodes.Status200OK,
        { Status: StatusCodes.Status401Unauthorized } => StatusCodes.Status403Forbidden,
        _ => error.Status,
    };
}
