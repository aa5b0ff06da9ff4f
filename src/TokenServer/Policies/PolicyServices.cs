using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Policies;

/// <summary>Registers the policy in force and the candidate policy.</summary>
internal static class PolicyServices
{
    // Registered under a key, so that nothing gets the candidate in place of the policy in force.
    private const string ShadowKey = "shadow";

    /// <summary>Registers the policy store, the candidate policy and the watcher.</summary>
    public static IServiceCollection AddPolicies(this IServiceCollection services, TokenServerOptions options)
    {
        services.AddSingleton(
            s => PolicyStore.Open(
                options.PoliciesDirectory, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<PolicyStore>>()));
        services.AddHostedService(s => Watcher(s, s.GetRequiredService<PolicyStore>()));
        if (options.ShadowPoliciesDirectory is not { } shadow) return services;
        services.AddKeyedSingleton(ShadowKey, (s, _) =>
            PolicyStore.Open(
                shadow, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<PolicyStore>>(), isCandidate: true));
        return services.AddSingleton<IHostedService>(
            s => Watcher(s, s.GetRequiredKeyedService<PolicyStore>(ShadowKey), "shadowPolicyWatch"));
    }

    /// <summary>The candidate policy; null when none is configured.</summary>
    public static PolicyStore? ShadowPolicies(this IServiceProvider services) => services.GetKeyedService<PolicyStore>(ShadowKey);

    private static PolicyWatcher Watcher(IServiceProvider services, PolicyStore store, string name = "policyWatch") =>
        new(store, services.GetRequiredService<BackgroundLoops>(), services.GetRequiredService<ILogger<PolicyWatcher>>(), name);
}
