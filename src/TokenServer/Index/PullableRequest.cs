using System.Net;
using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Index;

/// <summary>What a registry asks: which of these repositories may the caller pull whose token this is.</summary>
/// <param name="Token">The caller's token.</param>
/// <param name="Address">Where the registry says the caller's request comes from; null when it does not say.</param>
/// <param name="Repositories">The repositories.</param>
/// <param name="WantsPrefixes">Whether the registry also asks where in its sorted catalogue anything may be that the caller can pull.</param>
internal sealed record PullableRequest(string Token, IPAddress? Address, IReadOnlyList<RepositoryName> Repositories, bool WantsPrefixes)
{
    /// <summary>Reads the body: an object with <c>token</c>, <c>repositories</c> and, where they are known or wanted, <c>address</c> and <c>prefixes</c>; other members are passed over.</summary>
    /// <returns>Null when it is well formed; otherwise what is wrong.</returns>
    public static string? Read(ReadOnlyMemory<byte> body, out PullableRequest? request)
    {
        request = null;
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return "the body is not an object";
            if (!root.TryGetProperty("token"u8, out var token) || token.ValueKind != JsonValueKind.String) return "the member token is not a text";
            if (!root.TryGetProperty("repositories"u8, out var list) || list.ValueKind != JsonValueKind.Array) return "the member repositories is not an array";
            if (!ReadAddress(root, out var address)) return "the member address is not an IP address";
            if (list.GetArrayLength() > PullableQuestion.MaxRepositories) return $"more than {PullableQuestion.MaxRepositories} repositories";

            var names = new List<RepositoryName>(list.GetArrayLength());
            foreach (var entry in list.EnumerateArray())
            {
                if (entry.ValueKind != JsonValueKind.String || !RepositoryName.TryParse(entry.GetString(), out var name)) return $"repositories[{names.Count}] is not the name of a repository";
                names.Add(name);
            }

            var wantsPrefixes = root.TryGetProperty("prefixes"u8, out var prefixes) && prefixes.ValueKind == JsonValueKind.True;
            request = new PullableRequest(token.GetString()!, address, names, wantsPrefixes);
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is no Unicode, such as half a surrogate pair.
            return "the body is not JSON";
        }
    }

    private static bool ReadAddress(JsonElement root, out IPAddress? address)
    {
        address = null;
        if (!root.TryGetProperty("address"u8, out var text) || text.ValueKind == JsonValueKind.Null) return true;
        return text.ValueKind == JsonValueKind.String && IPAddress.TryParse(text.GetString(), out address);
    }
}
