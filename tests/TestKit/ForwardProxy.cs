using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>
/// An HTTP proxy that knows CONNECT only (RFC 9110 section 9.3.6): it asks for a password, notes what it is asked, and connects to one
/// port of this machine whatever the name was, as if it alone could resolve it.
/// </summary>
public sealed class ForwardProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentBag<Task> tunnels = [];
    private readonly string password;
    private readonly int target;
    private readonly Task accepting;

    private ForwardProxy(string password, int target)
    {
        (this.password, this.target) = (password, target);
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Where it is.</summary>
    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>The first lines of the requests that it was shown, and their headers.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <summary>Starts one.</summary>
    /// <param name="password">USER:PASSWORD without which it answers 407.</param>
    /// <param name="target">The port to which all tunnels lead.</param>
    public static ForwardProxy Start(string password, int target) => new(password, target);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(tunnels);
        ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) tunnels.Add(ServeAsync(await listener.AcceptTcpClientAsync(ending.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It is being disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var connection = client;
        try
        {
            var stream = client.GetStream();
            while (await ReadHeadAsync(stream) is { } head)
            {
                Asked.Enqueue(head);
                var expected = $"Proxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(password))}\r\n";
                if (!head.StartsWith("CONNECT ", StringComparison.Ordinal))
                {
                    await AnswerAsync(stream, "405 Method Not Allowed", "");
                }
                else if (!head.Contains(expected, StringComparison.Ordinal))
                {
                    await AnswerAsync(stream, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"proxy\"\r\n");
                }
                else
                {
                    using var server = new TcpClient();
                    await server.ConnectAsync(IPAddress.Loopback, target, ending.Token);
                    await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), ending.Token);
                    var other = server.GetStream();
                    await Task.WhenAny(stream.CopyToAsync(other, ending.Token), other.CopyToAsync(stream, ending.Token));
                    return;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
        {
            // Either side has hung up.
        }
    }

    private async Task AnswerAsync(NetworkStream stream, string status, string headers) => await stream.WriteAsync(
        Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n"), ending.Token);

    /// <summary>Reads up to the empty line; null at the end.</summary>
    private async Task<string?> ReadHeadAsync(NetworkStream stream)
    {
        var (head, one) = (new StringBuilder(), new byte[1]);
        while (await stream.ReadAsync(one, ending.Token) > 0)
        {
            head.Append((char)one[0]);
            if (head is { Length: > 4 } && head.ToString(head.Length - 4, 4) == "\r\n\r\n") return head.ToString();
        }

        return null;
    }
}
