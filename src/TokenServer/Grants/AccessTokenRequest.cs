using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Grants;

/// <summary>A request for an access token: the body of a POST to the account's API, or the options of the command.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Expires">Its lifetime, such as <c>30d</c>; null for the longest allowed.</param>
/// <param name="Repositories">The repositories it is valid for, as policy patterns; null or empty for all.</param>
/// <param name="Actions">The actions it is valid for; null or empty for all.</param>
/// <param name="Addresses">The networks it may be used from; null or empty for all.</param>
internal sealed record AccessTokenRequest(
    string Name,
    string? Expires = null,
    IReadOnlyList<string>? Repositories = null,
    IReadOnlyList<string>? Actions = null,
    IReadOnlyList<string>? Addresses = null)
{
    /// <summary>The largest body read, in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNameCaseInsensitive = false,
        AllowDuplicateProperties = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Reads the JSON body of a request; false when it is malformed.</summary>
    /// <param name="body">The body.</param>
    /// <param name="request">The request, when it is well formed.</param>
    /// <param name="problem">What is wrong otherwise, for the caller.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> body, [NotNullWhen(true)] out AccessTokenRequest? request, [NotNullWhen(false)] out string? problem)
    {
        try
        {
            request = JsonSerializer.Deserialize<AccessTokenRequest>(body, Json);
            problem = request is null ? "the body is null" : null;
        }
        catch (JsonException e)
        {
            request = null;
            problem =
                $"the body cannot be read{(e.Path is { Length: > 1 } path ? $" at {Hosting.LogText.Clean(path)}" : "")}: it must be an "
                + "object with name, expires, repositories, actions and addresses";
        }

        return request is not null;
    }

    /// <summary>Checks name, lifetime and restrictions; false when one is not allowed.</summary>
    /// <param name="limits">Bound its lifetime.</param>
    /// <param name="lifetime">How long it lasts, when it can be made.</param>
    /// <param name="narrowing">Its restrictions, when it can be made.</param>
    /// <param name="problem">What is wrong otherwise.</param>
    public bool TryCheck(
        GrantLimits limits,
        out TimeSpan lifetime,
        [NotNullWhen(true)] out TokenRestriction? narrowing,
        [NotNullWhen(false)] out string? problem)
    {
        narrowing = null;
        lifetime = limits.AccessLifetime;
        problem = Grant.NameProblem(Name);
        if (problem is null && Expires is not null && !Duration.TryParse(Expires, out lifetime))
        {
            problem = $"'{Hosting.LogText.Clean(Expires)}' is not a duration; write it like 30d or 12h";
        }

        problem ??= limits.LifetimeProblem(lifetime);
        return problem is null
            && TokenRestriction.TryRead(Texts(Repositories), Texts(Actions), Texts(Addresses), out narrowing, out problem);
    }

    // A list may hold null in JSON, whatever its type says; it is treated as an empty text and refused.
    private static IReadOnlyList<string> Texts(IReadOnlyList<string>? texts) => texts is null ? [] : [.. texts.Select(t => t ?? "")];
}
