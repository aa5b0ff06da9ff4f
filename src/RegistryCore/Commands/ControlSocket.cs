using System.Net.Sockets;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>
/// The socket in the registry's folder through which a command reaches the server that holds the folder. Mode 600: who may
/// connect may already read and write everything beside it. There goes one line of JSON, back come one or more.
/// </summary>
internal static class ControlSocket
{
    private const string Name = "control.sock";
    private const int MaxPathBytes = 100; // the system's limit is 107

    /// <summary>The path of the socket in a registry's folder.</summary>
    public static string PathIn(string root) => Path.Combine(root, Name);

    /// <summary>Listens. What a dead server has left is replaced: the caller holds the folder.</summary>
    public static Socket Listen(string root)
    {
        File.Delete(PathIn(root));
        var socket = NewSocket();
        using var reach = new ShortPath(root);
        socket.Bind(reach.EndPoint);
        File.SetUnixFileMode(PathIn(root), UnixFileMode.UserRead | UnixFileMode.UserWrite); // nobody can connect before Listen
        socket.Listen();
        return socket;
    }

    /// <summary>Connects; null when no server listens.</summary>
    public static async Task<Socket?> ConnectAsync(string root, CancellationToken cancellationToken)
    {
        if (!FileOwnership.Exists(PathIn(root))) return null;
        var socket = NewSocket();
        try
        {
            using var reach = new ShortPath(root);
            await socket.ConnectAsync(reach.EndPoint, cancellationToken);
            return socket;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            socket.Dispose();
            return null; // left by a server that was killed
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            socket.Dispose();
            throw new OperatorException($"permission denied: the registry's socket {PathIn(root)} {FileOwnership.Of(PathIn(root))}", e);
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <summary>A way to the socket that is short enough for a socket address: through a link, where the folder lies too deep.</summary>
    private sealed class ShortPath : IDisposable
    {
        private readonly string? folder;

        public ShortPath(string root)
        {
            var path = PathIn(root);
            if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
            {
                folder = Directory.CreateTempSubdirectory("authindex-").FullName;
                path = PathIn(Directory.CreateSymbolicLink(Path.Combine(folder, "r"), root).FullName);
            }

            EndPoint = new UnixDomainSocketEndPoint(path);
        }

        public UnixDomainSocketEndPoint EndPoint { get; }

        public void Dispose()
        {
            if (folder is null) return;
            File.Delete(Path.Combine(folder, "r"));
            Directory.Delete(folder);
        }
    }
}
