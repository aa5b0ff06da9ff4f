using System.Globalization;
using System.Text.Json;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>The JSON form of grants, for the command line and the account API: times in RFC 3339, UTC.</summary>
internal static class GrantJson
{
    /// <summary>Writes a grant as an object.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="grant">The grant.</param>
    /// <param name="limits">Say when it ends.</param>
    /// <param name="secret">The secret, when it has just been made; null otherwise.</param>
    public static void Write(Utf8JsonWriter json, Grant grant, GrantLimits limits, TokenSecret? secret = null)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, grant.Id);
        json.WriteString("kind"u8, grant.Kind.Word());
        json.WriteString("account"u8, grant.Account);
        json.WriteString("name"u8, grant.Name);
        if (grant.Service is not null) json.WriteString("service"u8, grant.Service);
        if (grant.Client is not null) json.WriteString("client"u8, grant.Client);
        if (grant.GivenFrom is not null) json.WriteString("givenFrom"u8, grant.GivenFrom);
        json.WriteString("created"u8, Time(grant.Created));
        json.WriteString("expires"u8, Time(limits.EndOf(grant)));
        json.WriteString("used"u8, grant.Used is { } used ? Time(used) : null);
        json.WriteString("usedFrom"u8, grant.UsedFrom);
        if (grant.Kind == TokenKind.Access)
        {
            WriteTexts(json, "repositories"u8, grant.Narrowing.Repositories.Select(p => p.ToString()));
            WriteTexts(json, "actions"u8, grant.Narrowing.Actions.Words);
            WriteTexts(json, "addresses"u8, grant.Narrowing.Addresses.Select(n => n.ToString()));
        }

        if (secret is not null) json.WriteString("token"u8, secret.Text);
        json.WriteEndObject();
    }

    /// <summary>A time in RFC 3339, UTC.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static void WriteTexts(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
