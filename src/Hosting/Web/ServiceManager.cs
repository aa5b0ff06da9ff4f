using System.Net.Sockets;
using System.Text;

namespace AuthIndex.Hosting.Web;

/// <summary>Tells systemd how far the server is, where systemd asks for it (<c>Type=notify</c>, sd_notify(3)).</summary>
internal static class ServiceManager
{
    /// <summary>The server answers.</summary>
    public const string Ready = "READY=1";

    /// <summary>The server finishes what is in flight and ends.</summary>
    public const string Stopping = "STOPPING=1";

    /// <summary>Where systemd listens; null when it does not want to know, or did not start this process.</summary>
    public static string? Socket => Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 } path ? path : null;

    /// <summary>Sends a state.</summary>
    /// <param name="path">Where to: a path, or a name that begins with @ and is none of the file system.</param>
    /// <param name="state">One of the states here.</param>
    /// <exception cref="OperatorException">Nobody listens there.</exception>
    public static void Notify(string path, string state)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.ASCII.GetBytes(state), new UnixDomainSocketEndPoint(path[0] == '@' ? $"\0{path[1..]}" : path));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw new OperatorException($"cannot tell systemd {state} at NOTIFY_SOCKET {path}: {e.Message}", e);
        }
    }
}
