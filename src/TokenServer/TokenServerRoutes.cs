using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metadata;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Portal.Administration;
using AuthIndex.TokenServer.Portal.Denials;
using AuthIndex.TokenServer.Portal.Images;
using AuthIndex.TokenServer.Portal.SignIn;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer;

/// <summary>
/// Who may call, and which handler answers: a handler receives the caller that its check authenticated, so that none can skip it. The
/// hierarchy is closed.
/// </summary>
internal abstract record RouteAccess
{
    private RouteAccess()
    {
    }

    /// <summary>Anyone; what needs credentials, such as a token, checks them itself.</summary>
    public sealed record Anyone(Func<RouteRequest, Task<Answer>> Handler) : RouteAccess;

    /// <summary>Anyone; pages that both servers have answer by themselves, wrong methods too.</summary>
    public sealed record Shared(RequestDelegate Handler) : RouteAccess;

    /// <summary>A registry with its own credential.</summary>
    public sealed record Registry(Func<RouteRequest, RegistryService, Task<Answer>> Handler) : RouteAccess;

    /// <summary>An account, by its password or an access token.</summary>
    public sealed record Account(Func<RouteRequest, AccountCaller, Task<Answer>> Handler) : RouteAccess;

    /// <summary>Anyone, without credentials or with valid ones: a password, an access token, or a registry token of this server.</summary>
    public sealed record Subject(Func<RouteRequest, SubjectCaller, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A page for anyone with a browser, who may have a session.</summary>
    public sealed record Page(Func<RouteRequest, Visitor, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A page for whoever has a session.</summary>
    public sealed record SessionPage(Func<RouteRequest, SessionCaller, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A form that a page of ours made for this browser.</summary>
    public sealed record PageForm(Func<RouteRequest, Visitor, Form, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A form that a page of ours made for this browser, from whoever has a session.</summary>
    public sealed record SessionForm(Func<RouteRequest, SessionCaller, Form, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A page for whoever has a session, and by policy <c>pull</c> on the area's resource.</summary>
    public sealed record AdminPage(AdminArea Area, Func<RouteRequest, SessionCaller, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A form that a page of ours made for this browser, from whoever may see the area; nothing is changed by it.</summary>
    public sealed record AdminQuestion(AdminArea Area, Func<RouteRequest, SessionCaller, Form, Task<Answer>> Handler) : RouteAccess;

    /// <summary>A form that a page of ours made for this browser, from whoever has <c>push</c> on the area's resource.</summary>
    public sealed record AdminForm(AdminArea Area, Func<RouteRequest, SessionCaller, Form, Task<Answer>> Handler) : RouteAccess;
}

/// <summary>One operation of the server.</summary>
/// <param name="Methods">The HTTP methods.</param>
/// <param name="Path">The path; one that ends in a name in braces matches all paths below it.</param>
/// <param name="MaxBody">The largest body read, in bytes; 0 where none is read.</param>
/// <param name="Access">Who may ask, and who answers.</param>
internal sealed record TokenServerRoute(string[] Methods, string Path, int MaxBody, RouteAccess Access)
{
    private const string Variable = "/{";

    /// <summary>The name that metrics and logs know the route by: the path up to what varies.</summary>
    public string Name { get; } = Path.Split(Variable)[0];

    /// <summary>Whether the path matches all paths below <see cref="Name"/>.</summary>
    public bool IsBelow { get; } = Path.Contains(Variable, StringComparison.Ordinal);

    /// <summary>Whether people see what it answers, in a browser.</summary>
    public bool IsPage { get; } =
        Access is RouteAccess.Page or RouteAccess.SessionPage or RouteAccess.PageForm or RouteAccess.SessionForm
            or RouteAccess.AdminPage or RouteAccess.AdminQuestion or RouteAccess.AdminForm;
}

/// <summary>
/// THE table of the server: every operation with who may ask for it. <see cref="TokenServerEndpoint"/> runs it; only its rows answer
/// requests.
/// </summary>
internal sealed class TokenServerRoutes(
    TokenEndpoint token,
    JwksEndpoint jwks,
    MetadataEndpoint metadata,
    RevokeEndpoint revoke,
    IntrospectionEndpoint introspection,
    AccessQueryEndpoint pullable,
    ReportEndpoint reports,
    RevocationFeedEndpoint revocations,
    CatalogEndpoint catalog,
    AccountTokensEndpoint accountTokens,
    HealthEndpoint health,
    MetricsEndpoint metrics,
    PortalOptions portal,
    SearchPageEndpoint search,
    RepositoryPageEndpoint repositories,
    ImagePageEndpoint images,
    DeletePageEndpoint deletions,
    DeleteImageEndpoint imageDeletions,
    RollBackEndpoint rollback,
    DenialsPageEndpoint denials,
    SearchQueryEndpoint searches,
    AccessPageEndpoint ownAccess,
    LoginCodeEndpoint loginCodes,
    SignInPageEndpoint signIn,
    OidcSignInEndpoint oidc,
    PolicyPageEndpoint policy,
    PolicyQuestionEndpoint questions,
    CandidateEndpoint candidates,
    AuditPageEndpoint audit,
    AccountsPageEndpoint accounts,
    SystemPageEndpoint system)
{
    private const int Ordinary = TokenServerApp.MaxBodyBytes;

    private static readonly FrontPageEndpoint Front = new($"""
        This is an AuthIndex token server: it says who may do what in a registry.

        Sign in at the registry, not here:    docker login REGISTRY
        Tokens for registries' clients:       {TokenEndpoint.Path}
        Public keys of the tokens:            {JwksEndpoint.Path}
        Finding images:                       {CatalogEndpoint.Path}?q=NAME

        """);

    /// <summary>All rows of the table.</summary>
    public IReadOnlyList<TokenServerRoute> All { get; } =
    [
        //   methods          path                                    largest body                 who may ask, and who answers
        new(["GET"],         TokenEndpoint.Path,                      0,                           Anyone(token.AnswerQueryAsync)),
        new(["POST"],        TokenEndpoint.Path,                      TokenRequest.MaxFormBytes,   Anyone(token.AnswerFormAsync)),
        new(["GET", "HEAD"], JwksEndpoint.Path,                       0,                           Anyone(jwks.AnswerAsync)),
        new(["GET", "HEAD"], MetadataEndpoint.Path,                   0,                           Anyone(metadata.AnswerAsync)),
        new(["POST"],        RevokeEndpoint.Path,                     RevokeEndpoint.MaxFormBytes, Anyone(revoke.AnswerAsync)),
        new(["POST"],        IntrospectionEndpoint.Path,              Ordinary,                    Registry(introspection.AnswerAsync)),
        new(["POST"],        AccessQueryEndpoint.Path,                Ordinary,                    Registry(pullable.AnswerAsync)),
        new(["POST"],        SearchQueryEndpoint.Path,                Ordinary,                    Registry(searches.AnswerAsync)),
        new(["POST"],        ReportEndpoint.EventsPath,               ReportEndpoint.MaxBodyBytes, Registry(reports.TakeEventsAsync)),
        new(["POST"],        ReportEndpoint.SnapshotPath,             ReportEndpoint.MaxBodyBytes, Registry(reports.TakeSnapshotAsync)),
        new(["GET"],         RevocationFeedEndpoint.Path,             0,                           Registry(revocations.AnswerAsync)),
        new(["GET", "HEAD"], CatalogEndpoint.Path,                    0,                           Subject(catalog.SearchAsync)),
        new(["GET", "HEAD"], CatalogEndpoint.Path + "/{name}",        0,                           Subject(catalog.DescribeAsync)),
        new(["GET"],         AccountTokensEndpoint.Path,              0,                           Account(accountTokens.ListAsync)),
        new(["POST"],        AccountTokensEndpoint.Path,              AccessTokenRequest.MaxBytes, Account(accountTokens.MakeAsync)),
        new(["DELETE"],      AccountTokensEndpoint.Path + "/{id}",    0,                           Account(accountTokens.EndAsync)),
        new(["GET", "HEAD"], HealthEndpoint.LivePath,                 0,                           Shared(HealthEndpoint.LiveAsync)),
        new(["GET", "HEAD"], HealthEndpoint.ReadyPath,                0,                           Shared(health.ReadyAsync)),
        new(["GET"],         MetricsPage.Path,                        0,                           Shared(metrics.HandleAsync)),
        .. portal.Enabled
            ? (TokenServerRoute[])
            [
        new(["GET", "HEAD"], SearchPageEndpoint.Path,                 0,                           Page(search.ShowAsync)),
        new(["GET", "HEAD"], RepositoryPageEndpoint.Path + "/{name}", 0,                           Page(repositories.ShowAsync)),
        new(["GET", "HEAD"], ImagePageEndpoint.Path + "/{name}",      0,                           Page(images.ShowAsync)),
        new(["GET"],         DeletePageEndpoint.Path + "/{name}",     0,                           SessionPage(deletions.ShowAsync)),
        new(["POST"],        DeletePageEndpoint.Path + "/{name}",     Form.MaxBytes,               SessionForm(deletions.DeleteAsync)),
        new(["GET"],         DeleteImageEndpoint.Path + "/{name}",    0,                           SessionPage(imageDeletions.ShowAsync)),
        new(["POST"],        DeleteImageEndpoint.Path + "/{name}",    Form.MaxBytes,               SessionForm(imageDeletions.DeleteAsync)),
        new(["POST"],        RollBackEndpoint.Path,                   Form.MaxBytes,               SessionForm(rollback.RollBackAsync)),
        new(["GET"],         AccessPageEndpoint.Path,                 0,                           SessionPage(ownAccess.ShowAsync)),
        new(["GET"],         DenialsPageEndpoint.Path,                0,                           SessionPage(denials.ShowAsync)),
        new(["POST"],        AccessPageEndpoint.CreatePath,           Form.MaxBytes,               SessionForm(ownAccess.CreateAsync)),
        new(["POST"],        AccessPageEndpoint.RevokePath,           Form.MaxBytes,               SessionForm(ownAccess.RevokeAsync)),
        new(["POST"],        AccessPageEndpoint.EndPath,              Form.MaxBytes,               SessionForm(ownAccess.EndAsync)),
        new(["POST"],        LoginCodeEndpoint.Path,                  Form.MaxBytes,               SessionForm(loginCodes.CreateAsync)),
        new(["GET"],         SignInPageEndpoint.Path,                 0,                           Page(signIn.ShowAsync)),
        new(["POST"],        SignInPageEndpoint.Path,                 Form.MaxBytes,               PageForm(signIn.SignInAsync)),
        new(["GET"],         OidcSignInEndpoint.StartPath + "/{name}", 0,                          Page(oidc.StartAsync)),
        new(["GET"],         OidcSignInEndpoint.CallbackPath + "/{name}", 0,                       Page(oidc.FinishAsync)),
        new(["POST"],        SignInPageEndpoint.SignOutPath,          Form.MaxBytes,               SessionForm(signIn.SignOutAsync)),
        new(["GET"],         PolicyPageEndpoint.Path,               0,             Admin(AdminArea.Policy, policy.ShowAsync)),
        new(["POST"],        PolicyPageEndpoint.ReloadPath,         Form.MaxBytes, Act(AdminArea.Policy, policy.ReloadAsync)),
        new(["GET"],         PolicyQuestionEndpoint.ExplainPath,    0,             Admin(AdminArea.Policy, questions.ExplainAsync)),
        new(["GET"],         PolicyQuestionEndpoint.WhoCanPath,     0,             Admin(AdminArea.Policy, questions.WhoCanAsync)),
        new(["GET"],         CandidateEndpoint.Path,                0,             Admin(AdminArea.Policy, candidates.ShowAsync)),
        new(["POST"],        CandidateEndpoint.Path,                Ordinary,      Ask(AdminArea.Policy, candidates.CompareAsync)),
        new(["GET"],         AuditPageEndpoint.Path,                0,             Admin(AdminArea.Audit, audit.ShowAsync)),
        new(["GET"],         AuditPageEndpoint.ExportPath,          0,             Admin(AdminArea.Audit, audit.ExportAsync)),
        new(["GET"],         AccountsPageEndpoint.Path,             0,             Admin(AdminArea.Accounts, accounts.ShowAsync)),
        new(["POST"],        AccountsPageEndpoint.SuspendPath,      Form.MaxBytes, Act(AdminArea.Accounts, accounts.SuspendAsync)),
        new(["POST"],        AccountsPageEndpoint.ResumePath,       Form.MaxBytes, Act(AdminArea.Accounts, accounts.ResumeAsync)),
        new(["POST"],        AccountsPageEndpoint.UnlockPath,       Form.MaxBytes, Act(AdminArea.Accounts, accounts.UnlockAsync)),
        new(["POST"],        AccountsPageEndpoint.EndPath,          Form.MaxBytes, Act(AdminArea.Accounts, accounts.EndAsync)),
        new(["GET"],         SystemPageEndpoint.Path,               0,             Admin(AdminArea.System, system.ShowAsync)),
        new(["GET", "HEAD"], AssetEndpoint.Path + "/{name}",          0,                           Anyone(AssetEndpoint.AnswerAsync)),
            ]
            : [new(["GET", "HEAD"], FrontPageEndpoint.Path,           0,                           Shared(Front.HandleAsync))],
    ];

    private static RouteAccess.Anyone Anyone(Func<RouteRequest, Task<Answer>> handler) => new(handler);

    private static RouteAccess.Shared Shared(RequestDelegate handler) => new(handler);

    private static RouteAccess.Registry Registry(Func<RouteRequest, RegistryService, Task<Answer>> handler) => new(handler);

    private static RouteAccess.Account Account(Func<RouteRequest, AccountCaller, Task<Answer>> handler) => new(handler);

    private static RouteAccess.Subject Subject(Func<RouteRequest, SubjectCaller, Task<Answer>> handler) => new(handler);

    private static RouteAccess.Page Page(Func<RouteRequest, Visitor, Task<Answer>> handler) => new(handler);

    private static RouteAccess.SessionPage SessionPage(Func<RouteRequest, SessionCaller, Task<Answer>> handler) => new(handler);

    private static RouteAccess.AdminPage Admin(AdminArea area, Func<RouteRequest, SessionCaller, Task<Answer>> handler) =>
        new(area, handler);

    private static RouteAccess.AdminQuestion Ask(AdminArea area, Func<RouteRequest, SessionCaller, Form, Task<Answer>> handler) =>
        new(area, handler);

    private static RouteAccess.AdminForm Act(AdminArea area, Func<RouteRequest, SessionCaller, Form, Task<Answer>> handler) =>
        new(area, handler);

    private static RouteAccess.PageForm PageForm(Func<RouteRequest, Visitor, Form, Task<Answer>> handler) => new(handler);

    private static RouteAccess.SessionForm SessionForm(Func<RouteRequest, SessionCaller, Form, Task<Answer>> handler) => new(handler);
}
