using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Telemetry;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>
/// The registry's line to the index. It shows the service's name and the registry's own credential, read anew each time, so that
/// a replaced file counts at once.
/// </summary>
internal sealed class IndexConnection(RegistryIdentity identity, TokenServerLinkOptions link, HttpClient http)
{
    /// <summary>The name under which the index knows this registry.</summary>
    public string Service => identity.Service;

    /// <summary>The file with the credential.</summary>
    public string CredentialFile => identity.CredentialFile;

    /// <summary>The URL of one of the index's paths.</summary>
    public Uri Url(string path) => link.At(path);

    /// <summary>Sends a POST with a JSON body.</summary>
    public Task<HttpResponseMessage> PostAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body, type), cancellationToken);

    /// <summary>Sends a POST with an <c>application/x-www-form-urlencoded</c> body.</summary>
    public Task<HttpResponseMessage> PostFormAsync(
        string path, IEnumerable<KeyValuePair<string, string>> form, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, new FormUrlEncodedContent(form), cancellationToken);

    /// <summary>Asks for a path, which may have a query.</summary>
    public Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, null, cancellationToken);

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, Url(path))
        {
            Content = content,
            Headers = { Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Service}:{Credential()}"))) },
        };
        if (RequestRecord.Current is { } asking) request.Headers.Add(RequestId.Header, asking.Id);
        return await http.SendAsync(request, cancellationToken);
    }

    private string Credential()
    {
        try
        {
            return SecretFile.ReadText(CredentialFile, "the registry's credential", "copy it from the token server");
        }
        catch (OperatorException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }
}
