using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Grants;

/// <summary>What somebody wants an access token to be like: the body of a POST to the account's API, or the options of the command.</summary>
/// <param name="Name">What to call it.</param>
/// <param name="Expires">After how long it ends, as <c>30d</c>; null for the longest time there is.</param>
/// <param name="Repositories">The repositories it is good for, as patterns of policies; null or empty for all.</param>
/// <param name="Actions">The actions it is good for; null or empty for all.</param>
/// <param name="Addresses">The networks it is good from; null or empty for all.</param>
internal sealed record AccessTokenRequest(string Name, string? Expires = null, IReadOnlyList<string>? Repositories = null, IReadOnlyList<string>? Actions = null, IReadOnlyList<string>? Addresses = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNameCaseInsensitive = false,
        AllowDuplicateProperties = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Reads a body.</summary>
    /// <returns>Null when it is well formed; otherwise what is wrong, fit for the caller's eyes.</returns>
    public static string? Read(ReadOnlySpan<byte> body, out AccessTokenRequest? request)
    {
        request = null;
        try
        {
            request = JsonSerializer.Deserialize<AccessTokenRequest>(body, Json);
            return request is null ? "the body is null" : null;
        }
        catch (JsonException e)
        {
            return $"the body cannot be read{(e.Path is { Length: > 1 } path ? $" at {Hosting.LogText.Clean(path)}" : "")}: it is an object of name, expires, repositories, actions and addresses";
        }
    }

    /// <summary>Checks it.</summary>
    /// <param name="limits">Say how long it may last.</param>
    /// <param name="lifetime">How long it lasts, when the answer is null.</param>
    /// <param name="narrowing">What it is good for, when the answer is null.</param>
    /// <returns>Null when it can be made; otherwise what is wrong.</returns>
    public string? Problem(GrantLimits limits, out TimeSpan lifetime, out TokenRestriction narrowing)
    {
        lifetime = limits.AccessLifetime;
        narrowing = TokenRestriction.None;
        if (Grant.NameProblem(Name) is { } unnamed) return unnamed;
        if (Expires is not null && !Duration.TryParse(Expires, out lifetime)) return $"'{Hosting.LogText.Clean(Expires)}' is no duration; write it like 30d or 12h";
        return limits.LifetimeProblem(lifetime) ?? TokenRestriction.Read(Texts(Repositories), Texts(Actions), Texts(Addresses), out narrowing);
    }

    // A list may hold null in JSON, whatever its type says; as a text that names nothing it is refused like any other.
    private static IReadOnlyList<string> Texts(IReadOnlyList<string>? texts) => texts is null ? [] : [.. texts.Select(t => t ?? "")];
}
