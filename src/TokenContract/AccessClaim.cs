using System.Text.Json;

namespace AuthIndex.TokenContract;

/// <summary>
/// The <c>access</c> claim of a token: an array, never null, of objects with <c>type</c>, <c>name</c> and <c>actions</c>
/// (Docker token JWT specification, "Private claims").
/// </summary>
public static class AccessClaim
{
    /// <summary>Writes the claim's value. Scopes without actions are left out: they grant nothing.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<Scope> granted)
    {
        json.WriteStartArray();
        foreach (var scope in granted)
        {
            if (scope.Actions.IsEmpty) continue;
            json.WriteStartObject();
            json.WriteString("type"u8, scope.Type);
            json.WriteString("name"u8, scope.Name);
            json.WriteStartArray("actions"u8);
            foreach (var word in scope.Actions.Words) json.WriteStringValue(word);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>
    /// Reads the claim's value. An entry of another shape makes the whole claim unreadable (fail closed); an unknown action
    /// grants nothing; null counts as an empty array, as other issuers write it.
    /// </summary>
    public static bool TryRead(JsonElement claim, out IReadOnlyList<Scope> granted)
    {
        var found = new List<Scope>();
        granted = found;
        if (claim.ValueKind == JsonValueKind.Null) return true;
        if (claim.ValueKind != JsonValueKind.Array) return false;

        foreach (var entry in claim.EnumerateArray())
        {
            if (!TryReadEntry(entry, out var scope)) return false;
            ScopeSet.Add(found, scope!);
        }

        return true;
    }

    private static bool TryReadEntry(JsonElement entry, out Scope? scope)
    {
        scope = null;
        if (entry.ValueKind != JsonValueKind.Object
            || !entry.TryGetProperty("type"u8, out var type) || type.ValueKind != JsonValueKind.String
            || !entry.TryGetProperty("name"u8, out var name) || name.ValueKind != JsonValueKind.String
            || !entry.TryGetProperty("actions"u8, out var words) || words.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null))
        {
            return false;
        }

        var actions = ActionSet.None;
        if (words.ValueKind == JsonValueKind.Array)
        {
            foreach (var word in words.EnumerateArray())
            {
                if (word.ValueKind != JsonValueKind.String) return false;
                if (ActionSet.TryParseWord(word.GetString(), out var action)) actions = actions.Union(action);
            }
        }

        scope = new Scope(type.GetString()!, name.GetString()!, actions);
        return true;
    }
}
