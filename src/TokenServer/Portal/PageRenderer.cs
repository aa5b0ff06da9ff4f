using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Portal.Administration;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// Renders Razor components to whole documents. Nothing is sent before a page is complete, so that an error in it is an error to the
/// browser too.
/// </summary>
internal sealed class PageRenderer(
    IServiceProvider services, ILoggerFactory loggers, AdminRights rights, PortalSite site, TimeProvider time)
{
    /// <summary>Renders a component, with the frame that every page has, into one answer.</summary>
    /// <param name="visitor">Who sees it; null where that is not known.</param>
    /// <param name="title">Its title.</param>
    /// <param name="model">What it shows.</param>
    /// <param name="status">The HTTP status.</param>
    /// <typeparam name="TPage">The component, which has the parameters <c>Shell</c> and <c>Model</c>.</typeparam>
    public async Task<PageAnswer> RenderAsync<TPage>(
        Visitor? visitor, string title, object model, int status = StatusCodes.Status200OK)
        where TPage : IComponent
    {
        var caller = visitor as SessionCaller;
        var shell = new Shell(
            site.Link, title, caller?.Session.Account, caller?.Secret.FormToken ?? "", time.GetUtcNow())
        {
            Areas = caller is null
                ? []
                : [.. AdminAreas.All.Where(a => rights.May(caller, a.Area, ActionSet.Pull)).Select(a => (a.Path, a.Title))],
        };
        await using var renderer = new HtmlRenderer(services, loggers);
        var html = await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var parameters = ParameterView.FromDictionary(
                new Dictionary<string, object?>(StringComparer.Ordinal) { ["Shell"] = shell, ["Model"] = model });
            return (await renderer.RenderComponentAsync<TPage>(parameters)).ToHtmlString();
        });
        return new PageAnswer(status, html);
    }

    /// <summary>What went wrong, as a page.</summary>
    public async Task<Answer> ProblemAsync(
        Visitor? visitor, int status, string title, string text, TimeSpan? retryAfter = null, string? allow = null) =>
        await RenderAsync<ProblemPage>(visitor, title, new ProblemModel(text), status) with { RetryAfter = retryAfter, Allow = allow };

    /// <summary>An error of the server's other endpoints, as a page.</summary>
    public Task<Answer> ProblemAsync(Visitor? visitor, ErrorAnswer error) =>
        ProblemAsync(visitor, error.Status, TitleOf(error.Status), error.Message, error.RetryAfter, error.Allow);

    private static string TitleOf(int status) => status switch
    {
        StatusCodes.Status403Forbidden => "Not allowed",
        StatusCodes.Status404NotFound => "Not found",
        StatusCodes.Status405MethodNotAllowed => "Not possible here",
        StatusCodes.Status413PayloadTooLarge => "Too large",
        StatusCodes.Status500InternalServerError => "Something went wrong",
        StatusCodes.Status503ServiceUnavailable => "Not available at the moment",
        _ => "That did not work",
    };
}
