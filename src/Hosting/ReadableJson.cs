using System.Text.Encodings.Web;
using System.Text.Json;

namespace AuthIndex.Hosting;

/// <summary>How commands and files write JSON that people read too: indented, and not escaped, since it is never part of HTML.</summary>
public static class ReadableJson
{
    /// <summary>The options of the serializer.</summary>
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
