namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>What a <c>WWW-Authenticate</c> header asks for (RFC 9110 section 11.6.1; Docker token authentication).</summary>
/// <param name="IsBearer">Whether it asks for a token; otherwise for a password (<c>Basic</c>).</param>
/// <param name="Realm">Where tokens are issued; null for Basic.</param>
/// <param name="Service">For which service; empty when it does not say.</param>
internal sealed record UpstreamChallenge(bool IsBearer, Uri? Realm, string Service)
{
    private const int MaxLength = 4096;

    /// <summary>Reads the header's value; null for other schemes and for what cannot be understood.</summary>
    public static UpstreamChallenge? Parse(string header)
    {
        if (header.Length > MaxLength) return null;
        var space = header.IndexOf(' ', StringComparison.Ordinal);
        var scheme = space < 0 ? header : header[..space];
        if (scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)) return new UpstreamChallenge(false, null, "");
        if (!scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) || space < 0) return null;
        var parameters = Parameters(header[(space + 1)..]);
        return parameters.TryGetValue("realm", out var text) && Uri.TryCreate(text, UriKind.Absolute, out var realm)
            ? new UpstreamChallenge(true, realm, parameters.GetValueOrDefault("service", ""))
            : null;
    }

    private static Dictionary<string, string> Parameters(string text)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (var at = 0; at < text.Length;)
        {
            while (at < text.Length && text[at] is ' ' or ',' or '\t') at++;
            var equals = text.IndexOf('=', Math.Min(at, text.Length));
            if (equals < 0) break;
            var name = text[at..equals].Trim();
            found.TryAdd(name, ReadValue(text, equals + 1, out at));
        }

        return found;
    }

    private static string ReadValue(string text, int start, out int end)
    {
        if (start >= text.Length || text[start] != '"')
        {
            end = text.IndexOf(',', Math.Min(start, text.Length));
            if (end < 0) end = text.Length;
            return text[start..end].Trim();
        }

        var value = new System.Text.StringBuilder();
        for (end = start + 1; end < text.Length && text[end] != '"'; end++)
        {
            if (text[end] == '\\' && end + 1 < text.Length) end++;
            value.Append(text[end]);
        }

        end = Math.Min(end + 1, text.Length);
        return value.ToString();
    }
}
