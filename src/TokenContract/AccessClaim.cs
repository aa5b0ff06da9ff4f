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
        granted = [];
        if (claim.ValueKind == JsonValueKind.Null) return true;
        if (claim.ValueKind != JsonValueKind.Array) return false;

        var found = new List<Scope>();
        try
        {
            foreach (var entry in claim.EnumerateArray())
            {
                if (ReadEntry(entry) is not { } scope) return false;
                ScopeSet.Add(found, scope);
            }
        }
        catch (InvalidOperationException)
        {
            return false; // half a surrogate pair: JSON can write it, a string cannot hold it
        }

        granted = found;
        return true;
    }

    private static Scope? ReadEntry(JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object) return null;
        string? type = null, name = null;
        ActionSet? actions = null;
        foreach (var member in entry.EnumerateObject())
        {
            // A member that stands twice is refused: readers disagree on which of the two counts.
            if (member.NameEquals("type"u8))
            {
                if (type is not null || (type = ReadText(member.Value)) is null) return null;
            }
            else if (member.NameEquals("name"u8))
            {
                if (name is not null || (name = ReadText(member.Value)) is null) return null;
            }
            else if (member.NameEquals("actions"u8))
            {
                if (actions is not null || (actions = ReadActions(member.Value)) is null) return null;
            }
        }

        return type is null || name is null || actions is null ? null : new Scope(type, name, actions.Value);
    }

    private static string? ReadText(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ActionSet? ReadActions(JsonElement words)
    {
        if (words.ValueKind == JsonValueKind.Null) return ActionSet.None;
        if (words.ValueKind != JsonValueKind.Array) return null;

        var actions = ActionSet.None;
        foreach (var word in words.EnumerateArray())
        {
            if (ReadText(word) is not { } text) return null;
            if (ActionSet.TryParseWord(text, out var action)) actions = actions.Union(action);
        }

        return actions;
    }
}
