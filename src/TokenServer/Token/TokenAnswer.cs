using System.Globalization;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>The body of a success (Docker token specification, "Token response fields").</summary>
internal static class TokenAnswer
{
    /// <summary>Sends the token under both names that clients look for.</summary>
    public static Task SendAsync(HttpResponse response, IssuedToken token)
    {
        response.Headers.CacheControl = "no-store";
        return JsonBytes.SendAsync(response, StatusCodes.Status200OK, JsonBytes.Write(token, static (json, token) =>
        {
            json.WriteStartObject();
            json.WriteString("token"u8, token.Text);
            json.WriteString("access_token"u8, token.Text);
            json.WriteNumber("expires_in"u8, (long)token.Lifetime.TotalSeconds);
            json.WriteString("issued_at"u8, token.IssuedAt.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            json.WriteEndObject();
        }));
    }
}
