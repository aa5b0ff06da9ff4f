using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>The circuit breaker of one directory server.</summary>
/// <param name="server">The server.</param>
/// <param name="pause">How long it is not used after it failed.</param>
/// <param name="time">The clock.</param>
internal sealed class DirectoryBreaker(DirectoryServer server, TimeSpan pause, TimeProvider time) : CircuitBreaker(pause, time)
{
    /// <summary>The directory server that it guards.</summary>
    public DirectoryServer Server => server;
}
