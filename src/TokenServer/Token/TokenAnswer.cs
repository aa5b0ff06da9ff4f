using System.Globalization;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>The body of a success (Docker token specification, "Token response fields"; RFC 6749 section 5.1).</summary>
internal static class TokenAnswer
{
    /// <summary>The token under both names that clients look for.</summary>
    /// <param name="token">The token.</param>
    /// <param name="granted">What it grants, where RFC 6749 requires it in the answer; null elsewhere.</param>
    /// <param name="refreshToken">The refresh token that goes with it; null for none.</param>
    /// <param name="isExchanged">Whether RFC 8693 section 2.2.1 requires the token's type in the answer.</param>
    public static JsonAnswer Of(IssuedToken token, IReadOnlyList<Scope>? granted, string? refreshToken, bool isExchanged) =>
        JsonAnswer.Ok(JsonBytes.Write((token, granted, refreshToken, isExchanged), static (json, answer) =>
        {
            var (token, granted, refreshToken, isExchanged) = answer;
            json.WriteStartObject();
            json.WriteString("token"u8, token.Text);
            json.WriteString("access_token"u8, token.Text);
            if (isExchanged) json.WriteString("issued_token_type"u8, TokenRequest.AccessTokenType);
            if (granted is not null) json.WriteString("token_type"u8, "Bearer"u8);
            json.WriteNumber("expires_in"u8, (long)token.Lifetime.TotalSeconds);
            json.WriteString("issued_at"u8, token.IssuedAt.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
            if (granted is not null) json.WriteString("scope"u8, string.Join(' ', granted));
            if (refreshToken is not null) json.WriteString("refresh_token"u8, refreshToken);
            json.WriteEndObject();
        }));
}
