using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AuthIndex.TestKit;

/// <summary>HTTP Basic credentials (RFC 7617).</summary>
public static class Basic
{
    /// <summary>The header with an account's name and password.</summary>
    public static AuthenticationHeaderValue Header(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    /// <summary>A token for the registry with which <c>admin</c> may do what a scope says.</summary>
    /// <param name="tokenServer">The URL of the token server.</param>
    /// <param name="password">The password of <c>admin</c>.</param>
    /// <param name="scope">The scope.</param>
    public static async Task<string> TokenOfAdminAsync(Uri tokenServer, string password, string scope)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = Header("admin", password);
        using var json = JsonDocument.Parse(await http.GetStringAsync(new Uri(tokenServer, $"/token?service=registry&scope={scope}")));
        return json.RootElement.GetProperty("token").GetString()!;
    }
}
