using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace AuthIndex.Hosting.Web;

/// <summary>Answers plain HTTP on a TLS port, which would otherwise close without an answer.</summary>
internal static class PlainRequest
{
    private const string Text = "This port speaks HTTPS: use https:// in place of http://.\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10); // as Kestrel waits for a handshake

    private static readonly byte[] Answer = Encoding.ASCII.GetBytes(
        $"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {Text.Length}\r\nConnection: "
            + $"close\r\n\r\n{Text}");

    /// <summary>Looks at the first byte of a connection, and takes nothing from what goes on to the handshake.</summary>
    public static async Task AnswerAsync(ConnectionContext connection, Func<Task> rest)
    {
        var input = connection.Transport.Input;
        using var patience = new CancellationTokenSource(Patience, TimeProvider.System);
        ReadResult first;
        try
        {
            first = await input.ReadAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            return; // which closes it
        }

        if (!IsRequest(first.Buffer))
        {
            input.AdvanceTo(first.Buffer.Start);
            await rest();
            return;
        }

        input.AdvanceTo(first.Buffer.End);
        await connection.Transport.Output.WriteAsync(Answer, CancellationToken.None);
    }

    /// <summary>
    /// Every method of HTTP begins with a capital letter (RFC 9110 section 9.1), and no record of TLS does (RFC 8446 section 5.1).
    /// </summary>
    private static bool IsRequest(ReadOnlySequence<byte> buffer) => !buffer.IsEmpty && buffer.FirstSpan[0] is >= (byte)'A' and <= (byte)'Z';
}
