using System.Text;
using System.Text.Json;

namespace AuthIndex.TokenContract.Tests;

/// <summary>The text that a writer of JSON writes.</summary>
internal static class Json
{
    public static string Written(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes)) write(json);
        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
