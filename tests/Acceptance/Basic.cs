using System.Net.Http.Headers;
using System.Text;

namespace AuthIndex.Acceptance;

/// <summary>HTTP Basic credentials (RFC 7617).</summary>
internal static class Basic
{
    public static AuthenticationHeaderValue Header(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
}
