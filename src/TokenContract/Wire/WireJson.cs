using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthIndex.TokenContract.Wire;

/// <summary>
/// How what the two servers send each other becomes JSON. <see cref="JsonSerializerContext.Options"/> differ by who reads: a report is
/// read strictly, an answer leniently, since it may come from a token server of another version.
/// </summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(EventReport))]
[JsonSerializable(typeof(SnapshotReport))]
[JsonSerializable(typeof(RevocationFeed))]
[JsonSerializable(typeof(PullableQuestion))]
[JsonSerializable(typeof(PullableAnswer))]
[JsonSerializable(typeof(SearchQuestion))]
[JsonSerializable(typeof(SearchAnswer))]
[JsonSerializable(typeof(IntrospectionAnswer))]
[JsonSerializable(typeof(ErrorBody))]
public sealed partial class WireJson : JsonSerializerContext
{
    /// <summary>For reading reports: every member that cannot be null must be there, and none may be there twice.</summary>
    public static WireJson Strict { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.Strict,
    });

    /// <summary>For writing answers: no answer is ever part of a page, so nothing is escaped for HTML.</summary>
    public static WireJson Answers { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
