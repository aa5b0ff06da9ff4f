using AuthIndex.RegistryCore.Import;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>What does an operator's tasks on the registry's folder.</summary>
internal static class ControlServices
{
    /// <summary>Adds the tasks: the same for a server and for a command that works on the folder alone.</summary>
    public static IServiceCollection AddStorageTasks(this IServiceCollection services) => services
        .AddSingleton<DistributionImport>()
        .AddSingleton<StorageTasks>();

    /// <summary>Adds the socket on which a server takes them from commands.</summary>
    public static IServiceCollection AddControl(this IServiceCollection services) => services
        .AddStorageTasks()
        .AddHostedService<ControlListener>();
}
