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
        await connection.WriteAsync(
            $"{requestLine} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n{string.Concat(headers.Select(h => h + "\r\n"))}\r\n");
        return await connection.ReadAnswerAsync();
    }

    public async Task WriteAsync(string text) => await WriteAsync(Encoding.ASCII.GetBytes(text));

    public async Task WriteAsync(byte[] bytes) => await tcp.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>Reads an answer as long as its Content-Length says.</summary>
    public async Task<Answer> ReadAnswerAsync()
    {
        var (status, headers) = await ReadHeadAsync();
        var body = new byte[headers.TryGetValue("Content-Length", out var length) ? int.Parse(length[0]) : 0];
        await tcp.GetStream().ReadExactlyAsync(body, TestContext.Current.CancellationToken);
        return new Answer(status, headers, body);
    }

    /// <summary>Reads the status line and the headers of an answer, and nothing of its body.</summary>
    public async Task<(HttpStatusCode Status, Dictionary<string, string[]> Headers)> ReadHeadAsync()
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await tcp.GetStream().ReadExactlyAsync(one, TestContext.Current.CancellationToken);
            head.Append((char)one[0]);
        }

        var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).GroupBy(h => h[0], h => h[1], StringComparer.OrdinalIgnoreCase)
            .ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.OrdinalIgnoreCase);
        return ((HttpStatusCode)int.Parse(lines[0].Split(' ')[1]), headers);
    }

    /// <summary>Hangs up at once, without the closing handshake.</summary>
    public void HangUp()
    {
        tcp.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        tcp.Close();
    }

    public void Dispose() => tcp.Dispose();
}
