using System.Net;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>Connections of the store's own: a host that is not there is noticed soon, and a new address of its name as well.</summary>
internal sealed class StoreConnections : IDisposable
{
    private readonly SocketsHttpHandler handler = new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(3),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    };

    /// <summary>A client of these connections; each of its requests has a limit of its own.</summary>
    public HttpClient NewClient() => new(new WholeAnswers(handler), disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

    /// <inheritdoc/>
    public void Dispose() => handler.Dispose();

    /// <summary>
    /// Gives only the bytes of objects as they arrive. The stores' SDKs read some of the other answers without looking at a limit of time,
    /// so these are given when they are there.
    /// </summary>
    private sealed class WholeAnswers(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        // Lists of thousands of objects are a few megabytes.
        private const long Longest = 64 * 1024 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var answer = await base.SendAsync(request, cancellationToken);
            var isWhole = false;
            try
            {
                if (request.Method != HttpMethod.Head && !IsObject(request, answer))
                {
                    await answer.Content.LoadIntoBufferAsync(Longest, cancellationToken);
                }

                isWhole = true;
                return answer;
            }
            finally
            {
                if (!isWhole) answer.Dispose();
            }
        }

        private static bool IsObject(HttpRequestMessage request, HttpResponseMessage answer) =>
            request.Method == HttpMethod.Get && answer.IsSuccessStatusCode
            && !QueryHelpers.ParseQuery(request.RequestUri?.Query).Keys.Any(name => name is "list-type" or "uploads" or "comp");
    }
}
