namespace AuthIndex.RegistryCore.Commands;

/// <summary>What commands log: warnings, and to standard error, because the answer goes to standard output.</summary>
internal static class CommandLog
{
    /// <summary>Sets that up.</summary>
    public static ILoggingBuilder AddWarnings(this ILoggingBuilder logging) => logging.SetMinimumLevel(LogLevel.Warning).AddConsole(
        console => console.LogToStandardErrorThreshold = LogLevel.Trace);
}
