using System.Text.Json;

namespace AuthIndex.TokenContract;

/// <summary>Why a part of what was asked is not in the token.</summary>
/// <param name="Scope">The resource, and the actions that were asked for and not granted.</param>
/// <param name="Reason">One sentence fit for the user: it names the rule or its absence, never what else exists.</param>
/// <param name="Decision">The short id under which the token server logged the decision.</param>
public sealed record Refusal(Scope Scope, string Reason, string Decision);

/// <summary>
/// The <c>refused</c> claim: a private claim of ours (RFC 7519 section 4.3) by which a registry can tell the user why the
/// index withheld an action. Other registries ignore it; it grants nothing.
/// </summary>
public static class RefusedClaim
{
    /// <summary>
    /// Writes the claim's value: an array of objects with <c>type</c>, <c>name</c>, <c>actions</c>, <c>reason</c> and <c>decision</c>.
    /// </summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<Refusal> refusals)
    {
        json.WriteStartArray();
        foreach (var refusal in refusals)
        {
            json.WriteStartObject();
            json.WriteString("type"u8, refusal.Scope.Type);
            json.WriteString("name"u8, refusal.Scope.Name);
            json.WriteString("actions"u8, refusal.Scope.Actions.ToString());
            json.WriteString("reason"u8, refusal.Reason);
            json.WriteString("decision"u8, refusal.Decision);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Reads the claim's value; entries of another shape are passed over, since the claim only explains.</summary>
    public static IReadOnlyList<Refusal> Read(JsonElement claim)
    {
        var found = new List<Refusal>();
        if (claim.ValueKind != JsonValueKind.Array) return found;
        foreach (var entry in claim.EnumerateArray())
        {
            if (ReadEntry(entry) is { } refusal) found.Add(refusal);
        }

        return found;
    }

    private static Refusal? ReadEntry(JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object) return null;
        try
        {
            if (Text(entry, "type") is not { } type || Text(entry, "name") is not { } name || Text(entry, "reason") is not { } reason)
            {
                return null;
            }

            var actions = ActionSet.None;
            foreach (var word in (Text(entry, "actions") ?? "").Split(','))
            {
                if (ActionSet.TryParseWord(word, out var action)) actions = actions.Union(action);
            }

            return new Refusal(new Scope(type, name, actions), reason, Text(entry, "decision") ?? "");
        }
        catch (InvalidOperationException)
        {
            return null; // half a surrogate pair: JSON can write it, a string cannot hold it
        }
    }

    private static string? Text(JsonElement entry, string member) =>
        entry.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
