using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Index;

/// <summary>A registry's question: which of these repositories may the token's holder pull.</summary>
/// <param name="Token">The caller's token.</param>
/// <param name="Address">The caller's address as reported by the registry; null when not reported.</param>
/// <param name="Repositories">The repositories.</param>
/// <param name="WantsPrefixes">Whether the registry also asks for the name prefixes that the caller may pull.</param>
internal sealed record PullableRequest(string Token, IPAddress? Address, IReadOnlyList<RepositoryName> Repositories, bool WantsPrefixes)
{
    /// <summary>
    /// Reads the body: an object with <c>token</c>, <c>repositories</c> and, optionally, <c>address</c> and <c>prefixes</c>; other members
    /// are ignored.
    /// </summary>
    /// <param name="body">The body.</param>
    /// <param name="request">The request, when it is well formed.</param>
    /// <param name="problem">What is wrong otherwise.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body, [NotNullWhen(true)] out PullableRequest? request, [NotNullWhen(false)] out string? problem)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            return TryRead(json.RootElement, out request, out problem);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is not Unicode, such as half a surrogate pair.
            (request, problem) = (null, "the body is not JSON");
            return false;
        }
    }

    private static bool TryRead(
        JsonElement root, [NotNullWhen(true)] out PullableRequest? request, [NotNullWhen(false)] out string? problem)
    {
        request = null;
        problem = "the body is not an object";
        if (root.ValueKind != JsonValueKind.Object) return false;
        problem = "the member token is not a string";
        if (!root.TryGetProperty("token"u8, out var member)
            || member.ValueKind != JsonValueKind.String
            || member.GetString() is not { } token)
        {
            return false;
        }

        problem = "the member repositories is not an array";
        if (!root.TryGetProperty("repositories"u8, out var list) || list.ValueKind != JsonValueKind.Array) return false;
        problem = "the member address is not an IP address";
        if (!ReadAddress(root, out var address)) return false;
        problem = $"more than {PullableQuestion.MaxRepositories} repositories";
        if (list.GetArrayLength() > PullableQuestion.MaxRepositories) return false;

        var names = new List<RepositoryName>(list.GetArrayLength());
        foreach (var entry in list.EnumerateArray())
        {
            problem = $"repositories[{names.Count}] is not the name of a repository";
            if (entry.ValueKind != JsonValueKind.String || !RepositoryName.TryParse(entry.GetString(), out var name)) return false;
            names.Add(name);
        }

        var wantsPrefixes = root.TryGetProperty("prefixes"u8, out var prefixes) && prefixes.ValueKind == JsonValueKind.True;
        request = new PullableRequest(token, address, names, wantsPrefixes);
        problem = null;
        return true;
    }

    private static bool ReadAddress(JsonElement root, out IPAddress? address)
    {
        address = null;
        if (!root.TryGetProperty("address"u8, out var text) || text.ValueKind == JsonValueKind.Null) return true;
        return text.ValueKind == JsonValueKind.String && IPAddress.TryParse(text.GetString(), out address);
    }
}
