using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>Makes JSON bodies with one writer per thread, and sends them.</summary>
internal static class JsonBytes
{
    // A body of this size or more is rare; its buffer is not kept.
    private const int KeptBuffer = 64 * 1024;

    // The output is never embedded in HTML, so HTML characters need no escapes.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? writer;

    /// <summary>The bytes that <paramref name="write"/> produces.</summary>
    public static byte[] Write<T>(T value, Action<Utf8JsonWriter, T> write)
    {
        // Detached while in use, so that a nested call gets its own.
        var (into, json) = (buffer ?? new ArrayBufferWriter<byte>(1024), writer);
        (buffer, writer) = (null, null);
        into.ResetWrittenCount();
        if (json is null) json = new Utf8JsonWriter(into, Options);
        else json.Reset(into);

        write(json, value);
        json.Flush();
        var bytes = into.WrittenSpan.ToArray();
        if (into.Capacity <= KeptBuffer) (buffer, writer) = (into, json);
        return bytes;
    }

    /// <summary>Sends a JSON body; to HEAD the server sends its headers only.</summary>
    public static Task SendAsync(HttpResponse response, int status, byte[] body)
    {
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        return response.BodyWriter.WriteAsync(body, CancellationToken.None).AsTask();
    }
}
