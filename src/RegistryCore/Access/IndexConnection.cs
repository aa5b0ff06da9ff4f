using System.Net.Http.Headers;
using System.Text;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The registry's line to the index. It shows the service's name and the registry's own credential, read anew each time, so that
/// a replaced file counts at once.
/// </summary>
internal sealed class IndexConnection(RegistryOptions options, HttpClient http)
{
    /// <summary>The name under which the index knows this registry.</summary>
    public string Service => options.Service;

    /// <summary>The file with the credential.</summary>
    public string CredentialFile { get; } = options.TokenServer.CredentialFile ?? Path.Combine(options.DataDirectory, "registry-credential");

    /// <summary>The URL of one of the index's paths.</summary>
    public Uri Url(string path) => options.TokenServer.At(path);

    /// <summary>Sends a JSON body.</summary>
    public async Task<HttpResponseMessage> PostAsync<T>(string path, T body, CancellationToken cancellationToken)
    {
        var credential = (await File.ReadAllTextAsync(CredentialFile, cancellationToken)).Trim();
        using var request = new HttpRequestMessage(HttpMethod.Post, Url(path))
        {
            Content = JsonContent.Create(body),
            Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Service}:{credential}"))) },
        };
        return await http.SendAsync(request, cancellationToken);
    }
}
