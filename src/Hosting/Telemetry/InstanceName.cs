namespace AuthIndex.Hosting.Telemetry;

/// <summary>What one process of a server is called among its replicas (OpenTelemetry, <c>service.instance.id</c>).</summary>
public static class InstanceName
{
    /// <summary>This process: its host, a colon, and its number there.</summary>
    public static string Own { get; } = $"{Environment.MachineName}:{Environment.ProcessId}";
}
