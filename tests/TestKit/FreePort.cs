using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AuthIndex.TestKit;

/// <summary>Ports for programs that must be told one. Those that can choose their own listen on port 0 instead.</summary>
public static class FreePort
{
    // Below the range from which the system takes the ports of connections (ip(7), ip_local_port_range): a connection that
    // another test opens meanwhile cannot take it, nor while a server is stopped that is to come back on the same port.
    private const int Least = 10_000;
    private static readonly int End = int.Parse(File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split('\t')[0]);

    /// <summary>A port that nobody uses at an address now.</summary>
    public static int At(IPAddress address)
    {
        while (true)
        {
            using var listener = new TcpListener(address, End > Least ? RandomNumberGenerator.GetInt32(Least, End) : 0);
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Somebody's; another one, then.
            }
        }
    }
}
