namespace AuthIndex.TokenServer.Protocol;

/// <summary>The answer to a request. Endpoints return it; the server's one runner of the route table sends it.</summary>
internal abstract record Answer
{
    /// <summary>Writes status, headers and body to the response.</summary>
    public abstract Task SendAsync(HttpResponse response);
}
