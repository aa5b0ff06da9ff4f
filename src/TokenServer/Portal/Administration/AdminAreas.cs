using AuthIndex.TokenServer.Access;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>The pages for administrators, in the order of the navigation.</summary>
internal static class AdminAreas
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<(AdminArea Area, string Path, string Title)> All { get; } =
    [
        (AdminArea.Policy, PolicyPageEndpoint.Path, "Policy"),
        (AdminArea.Audit, AuditPageEndpoint.Path, "Audit"),
        (AdminArea.Accounts, AccountsPageEndpoint.Path, "Accounts"),
        (AdminArea.System, SystemPageEndpoint.Path, "System"),
    ];

    /// <summary>Registers what the pages need.</summary>
    public static IServiceCollection AddAdministration(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton<AdminRights>()
        .AddSingleton<AccountActs>()
        .AddSingleton<PolicyPageEndpoint>()
        .AddSingleton<PolicyQuestionEndpoint>()
        .AddSingleton(s => ActivatorUtilities.CreateInstance<CandidateEndpoint>(s, options.AuditPath))
        .AddSingleton(s => ActivatorUtilities.CreateInstance<AuditPageEndpoint>(s, options.AuditPath))
        .AddSingleton<AccountsPageEndpoint>()
        .AddSingleton<UpstreamFigures>()
        .AddSingleton<SystemPageEndpoint>();
}
