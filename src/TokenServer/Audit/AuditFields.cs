using System.Text.Json;

namespace AuthIndex.TokenServer.Audit;

/// <summary>The values of a JSON object by key and type; keeps the first problem. All texts of the object can be read.</summary>
internal sealed class AuditFields
{
    private readonly JsonElement json;
    private readonly AuditFields? parent;

    public AuditFields(JsonElement json) => this.json = json;

    private AuditFields(JsonElement json, AuditFields parent)
        : this(json) => this.parent = parent;

    /// <summary>What is wrong, or null.</summary>
    public string? Problem { get; private set; }

    public string Text(string key) => Value(key, JsonValueKind.String) ?.GetString() ?? "";

    public string? TextOrNull(string key) =>
        json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null ? null : Text(key);

    /// <summary>The text of a key that earlier versions did not write; null where it is not there.</summary>
    public string? TextIfAny(string key) => json.TryGetProperty(key, out _) ? TextOrNull(key) : null;

    /// <summary>The positive whole number of a key that most lines do not have; null where it is not there.</summary>
    public int? NumberIfAny(string key)
    {
        if (!json.TryGetProperty(key, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0) return number;
        Complain($"its '{key}' is not a positive whole number");
        return null;
    }

    public IReadOnlyList<string> Texts(string key)
    {
        if (Value(key, JsonValueKind.Array) is not { } array) return [];
        if (array.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
        {
            return [.. array.EnumerateArray().Select(item => item.GetString() ?? "")];
        }

        Complain($"its '{key}' contains values that are not text");
        return [];
    }

    public IEnumerable<AuditFields> Objects(string key)
    {
        if (Value(key, JsonValueKind.Array) is not { } array) return [];
        if (array.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object))
        {
            return array.EnumerateArray().Select(item => new AuditFields(item, this));
        }

        Complain($"its '{key}' contains values that are not objects");
        return [];
    }

    private JsonElement? Value(string key, JsonValueKind kind)
    {
        if (!json.TryGetProperty(key, out var value)) Complain($"it has no '{key}'");
        else if (value.ValueKind != kind) Complain($"its '{key}' is not {kind switch { JsonValueKind.String => "text", _ => "a list" }}");
        else return value;
        return null;
    }

    private void Complain(string problem)
    {
        if (parent is not null) parent.Complain(problem);
        else Problem ??= problem;
    }
}
