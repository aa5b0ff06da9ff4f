using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>
/// Reads the index's answers as what they are by RFC 8259 section 8.1, UTF-8. The charset that the answer names is not obeyed: a
/// proxy in between may name one that does not exist.
/// </summary>
internal static class IndexAnswer
{
    /// <summary>The answer's JSON; null for <c>null</c>.</summary>
    /// <exception cref="JsonException">It is not the JSON of a <typeparamref name="T"/>.</exception>
    public static async Task<T?> JsonAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(cancellationToken), type);

    /// <summary>The answer's text, as it came.</summary>
    public static async Task<string> TextAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(cancellationToken));
}
