using System.Net;

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
    public HttpClient NewClient() => new(handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

    /// <inheritdoc/>
    public void Dispose() => handler.Dispose();
}
