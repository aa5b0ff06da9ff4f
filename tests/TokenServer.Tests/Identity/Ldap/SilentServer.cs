using System.Net;
using System.Net.Sockets;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

/// <summary>A server that takes connections and never says a word.</summary>
internal sealed class SilentServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    // The system completes the handshakes of as many as wait; nobody ever accepts them.
    public SilentServer() => listener.Start(512);

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void Dispose() => listener.Dispose();
}
