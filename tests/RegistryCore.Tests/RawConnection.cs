using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>A connection on which a test writes what no HTTP library would send.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient tcp = new();

    public static async Task<RawConnection> OpenAsync(HttpClient registry)
    {
        var connection = new RawConnection();
        await connection.tcp.ConnectAsync(IPAddress.Loopback, registry.BaseAddress!.Port, TestContext.Current.CancellationToken);
        return connection;
    }

    /// <summary>One request, and the answer to it.</summary>
    public static async Task<Answer> SendAsync(HttpClient registry, string requestLine, params string[] headers)
    {
        using var connection = await OpenAsync(registry);
        await connection.WriteAsync($"{requestLine} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{string.Concat(headers.Select(h => h + "\r\n"))}\r\n");
        return await connection.ReadAnswerAsync();
    }

    public async Task WriteAsync(string text) => await WriteAsync(Encoding.ASCII.GetBytes(text));

    public async Task WriteAsync(byte[] bytes) => await tcp.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>Reads until the registry closes the connection.</summary>
    public async Task<Answer> ReadAnswerAsync()
    {
        using var received = new MemoryStream();
        await tcp.GetStream().CopyToAsync(received, TestContext.Current.CancellationToken);
        var bytes = received.ToArray();
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = Encoding.ASCII.GetString(bytes, 0, end).Split("\r\n");
        var headers = head.Skip(1).Select(line => line.Split(": ", 2)).GroupBy(h => h[0], h => h[1], StringComparer.OrdinalIgnoreCase)
            .ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.OrdinalIgnoreCase);
        return new Answer((HttpStatusCode)int.Parse(head[0].Split(' ')[1]), headers, bytes[(end + 4)..]);
    }

    /// <summary>Hangs up at once, without the closing handshake.</summary>
    public void HangUp()
    {
        tcp.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        tcp.Close();
    }

    public void Dispose() => tcp.Dispose();
}
