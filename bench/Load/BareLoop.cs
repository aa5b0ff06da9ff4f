using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.Load;

/// <summary>
/// What a push costs at least: a thread for each connection that receives a body, hashes it, writes it into a file, renames that to its
/// digest and answers 201. It checks nothing and makes nothing durable.
/// </summary>
internal static class BareLoop
{
    /// <summary>Listens on a port chosen by the system, prints it, and serves until it is killed.</summary>
    public static void Run(string folder)
    {
        Directory.CreateDirectory(folder);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port);
        for (var number = 0; ; number++)
        {
            var (connection, file) = (listener.Accept(), Path.Combine(folder, $"{number}.part"));
            new Thread(() => Serve(connection, folder, file)) { IsBackground = true }.Start();
        }
    }

    private static void Serve(Socket connection, string folder, string file)
    {
        using (connection)
        {
            connection.NoDelay = true;
            var buffer = new byte[256 * 1024];
            var held = 0;
            while (true)
            {
                int header;
                while ((header = buffer.AsSpan(0, held).IndexOf("\r\n\r\n"u8)) < 0)
                {
                    var read = connection.Receive(buffer, held, buffer.Length - held, SocketFlags.None);
                    if (read == 0) return;
                    held += read;
                }

                var length = LengthOf(Encoding.ASCII.GetString(buffer, 0, header));
                var start = header + 4;
                Take(connection, buffer, start, held - start, length, folder, file);
                held = 0;
                connection.Send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"u8);
            }
        }
    }

    private static void Take(Socket connection, byte[] buffer, int start, int count, long length, string folder, string file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (var handle = File.OpenHandle(file, FileMode.Create, FileAccess.Write))
        {
            for (var at = 0L; ;)
            {
                hash.AppendData(buffer, start, count);
                RandomAccess.Write(handle, buffer.AsSpan(start, count), at);
                at += count;
                if (at == length) break;
                count = connection.Receive(buffer);
                if (count == 0) throw new IOException("the client hung up");
                start = 0;
            }
        }

        File.Move(file, Path.Combine(folder, Convert.ToHexStringLower(hash.GetCurrentHash())), overwrite: true);
    }

    private static long LengthOf(string header) => long.Parse(
        header.Split("\r\n").Single(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))["Content-Length:".Length..],
        CultureInfo.InvariantCulture);
}
