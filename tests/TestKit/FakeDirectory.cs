using System.Collections.Concurrent;
using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>A search as it reached a <see cref="FakeDirectory"/>.</summary>
/// <param name="BaseDn">Where it begins.</param>
/// <param name="Filter">The filter, as text.</param>
/// <param name="Attributes">What is wanted.</param>
public sealed record FakeSearch(string BaseDn, string Filter, IReadOnlyList<string> Attributes);

/// <summary>An entry that it answers with.</summary>
/// <param name="Dn">Its name.</param>
/// <param name="Attributes">Its attributes.</param>
public sealed record FakeEntry(string Dn, params (string Name, string[] Values)[] Attributes);

/// <summary>
/// A small LDAP server (RFC 4511) that answers what a test tells it to: for directories that cannot be installed, such as
/// Active Directory, with the answers that are documented for them.
/// </summary>
public sealed class FakeDirectory : IAsyncDisposable
{
    private static readonly Asn1Tag Bind = new(TagClass.Application, 0, isConstructed: true);
    private static readonly Asn1Tag BindResponse = new(TagClass.Application, 1, isConstructed: true);
    private static readonly Asn1Tag Search = new(TagClass.Application, 3, isConstructed: true);
    private static readonly Asn1Tag SearchEntry = new(TagClass.Application, 4, isConstructed: true);
    private static readonly Asn1Tag SearchDone = new(TagClass.Application, 5, isConstructed: true);
    private static readonly Asn1Tag Extended = new(TagClass.Application, 23, isConstructed: true);
    private static readonly Asn1Tag ExtendedResponse = new(TagClass.Application, 24, isConstructed: true);

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly ConcurrentBag<Task> conversations = [];
    private readonly Task accepting;
    private bool isOver;

    /// <summary>Starts it.</summary>
    public FakeDirectory()
    {
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Its URL.</summary>
    public string Url => $"ldap://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>What a bind is answered with: result code and diagnostic message.</summary>
    public Func<string, string, (int Code, string Diagnostic)> OnBind { get; set; } = (_, _) => (0, "");

    /// <summary>What a search finds.</summary>
    public Func<FakeSearch, IEnumerable<FakeEntry>> OnSearch { get; set; } = _ => [];

    /// <summary>The result code of searches.</summary>
    public int SearchResult { get; set; }

    /// <summary>The result code and diagnostic message of a search that ends otherwise than the others; null for those.</summary>
    public Func<FakeSearch, (int Code, string Diagnostic)?> OnSearchDone { get; set; } = _ => null;

    /// <summary>The names that tried to bind.</summary>
    public ConcurrentQueue<string> Binds { get; } = new();

    /// <summary>The searches that were made, those of the root entry left out.</summary>
    public ConcurrentQueue<FakeSearch> Searches { get; } = new();

    /// <summary>Ends it, connections and all, as a machine that is switched off does.</summary>
    public async ValueTask DisposeAsync()
    {
        if (isOver) return;
        isOver = true;
        await end.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(conversations);
        end.Dispose();
        listener.Dispose();
    }

    private static string ReadText(AsnReader reader, Asn1Tag? tag = null) => Encoding.UTF8.GetString(reader.ReadOctetString(tag));

    private static string ReadFilter(AsnReader reader)
    {
        var tag = reader.PeekTag();
        switch (tag.TagValue)
        {
            case 0 or 1:
                var set = reader.ReadSetOf(tag);
                var parts = new StringBuilder(tag.TagValue == 0 ? "(&" : "(|");
                while (set.HasData) parts.Append(ReadFilter(set));
                return parts.Append(')').ToString();
            case 2:
                return $"(!{ReadFilter(reader.ReadSequence(tag))})";
            case 7:
                return $"({ReadText(reader, tag)}=*)";
            case 9:
                var rule = reader.ReadSequence(tag);
                string name = "", attribute = "", value = "";
                while (rule.HasData)
                {
                    var part = rule.PeekTag();
                    var text = part.TagValue == 4 ? $"{rule.ReadBoolean(part)}" : ReadText(rule, part);
                    if (part.TagValue == 1) name = text;
                    else if (part.TagValue == 2) attribute = text;
                    else if (part.TagValue == 3) value = text;
                }

                return $"({attribute}:{name}:={value})";
            case 4:
                var substrings = reader.ReadSequence(tag);
                var of = ReadText(substrings);
                var pieces = substrings.ReadSequence();
                var pattern = new StringBuilder();
                while (pieces.HasData)
                {
                    var piece = pieces.PeekTag();
                    pattern.Append(piece.TagValue == 0 ? "" : "*").Append(ReadText(pieces, piece)).Append(piece.TagValue == 0 ? "*" : "");
                }

                return $"({of}={pattern})";
            default:
                var item = reader.ReadSequence(tag);
                return $"({ReadText(item)}={ReadText(item)})";
        }
    }

    private async Task AcceptAsync()
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                conversations.Add(ServeAsync(await listener.AcceptTcpClientAsync(end.Token)));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        var stream = client.GetStream();
        var received = new List<byte>();
        var buffer = new byte[8192];
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer, end.Token)) > 0;)
            {
                received.AddRange(buffer[..read]);
                while (TakeMessage(received) is { } message) await stream.WriteAsync(Answer(message), end.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client hung up, or the test is over.
        }
    }

    private static byte[]? TakeMessage(List<byte> received)
    {
        if (!AsnDecoder.TryReadEncodedValue([.. received], AsnEncodingRules.BER, out _, out _, out _, out var length)) return null;
        var message = received.Take(length).ToArray();
        received.RemoveRange(0, length);
        return message;
    }

    private byte[] Answer(byte[] message)
    {
        var reader = new AsnReader(message, AsnEncodingRules.BER).ReadSequence();
        reader.TryReadInt32(out var id);
        var tag = reader.PeekTag();
        if (tag.HasSameClassAndValue(Bind)) return AnswerBind(id, reader.ReadSequence(tag));
        if (tag.HasSameClassAndValue(Search)) return AnswerSearch(id, reader.ReadSequence(tag));
        return tag.HasSameClassAndValue(Extended) ? Result(id, ExtendedResponse, 2, "no extended operation is known here") : [];
    }

    private byte[] AnswerBind(int id, AsnReader bind)
    {
        bind.TryReadInt32(out _);
        var dn = ReadText(bind);
        var password = ReadText(bind, new Asn1Tag(TagClass.ContextSpecific, 0));
        Binds.Enqueue(dn);
        var (code, diagnostic) = OnBind(dn, password);
        return Result(id, BindResponse, code, diagnostic);
    }

    private byte[] AnswerSearch(int id, AsnReader search)
    {
        var baseDn = ReadText(search);
        search.ReadEncodedValue();
        search.ReadEncodedValue();
        search.TryReadInt32(out _);
        search.TryReadInt32(out _);
        search.ReadBoolean();
        var filter = ReadFilter(search);
        var wanted = search.ReadSequence();
        var attributes = new List<string>();
        while (wanted.HasData) attributes.Add(ReadText(wanted));

        if (baseDn.Length == 0) return Result(id, SearchDone, 0, "");
        var question = new FakeSearch(baseDn, filter, attributes);
        Searches.Enqueue(question);
        var (code, diagnostic) = OnSearchDone(question) ?? (SearchResult, "");
        return [.. OnSearch(question).SelectMany(e => Entry(id, e)), .. Result(id, SearchDone, code, diagnostic)];
    }

    private static byte[] Entry(int id, FakeEntry entry) => Message(id, SearchEntry, writer =>
    {
        writer.WriteOctetString(Encoding.UTF8.GetBytes(entry.Dn));
        using (writer.PushSequence())
        {
            foreach (var (name, values) in entry.Attributes)
            {
                using (writer.PushSequence())
                {
                    writer.WriteOctetString(Encoding.UTF8.GetBytes(name));
                    using (writer.PushSetOf())
                    {
                        foreach (var value in values) writer.WriteOctetString(Encoding.UTF8.GetBytes(value));
                    }
                }
            }
        }
    });

    private static byte[] Result(int id, Asn1Tag tag, int code, string diagnostic) => Message(id, tag, writer =>
    {
        writer.WriteEncodedValue([0x0a, 1, (byte)code]);
        writer.WriteOctetString([]);
        writer.WriteOctetString(Encoding.UTF8.GetBytes(diagnostic));
    });

    private static byte[] Message(int id, Asn1Tag tag, Action<AsnWriter> write)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(id);
            using (writer.PushSequence(tag)) write(writer);
        }

        return writer.Encode();
    }
}
