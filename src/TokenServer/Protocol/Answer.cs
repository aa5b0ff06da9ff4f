namespace AuthIndex.TokenServer.Protocol;

/// <summary>What a request is answered with. Endpoints return it; the server's one runner of the route table sends it.</summary>
internal abstract record Answer
{
    /// <summary>Sends the answer.</summary>
    public abstract Task SendAsync(HttpResponse response);
}
