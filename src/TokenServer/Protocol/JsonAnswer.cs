namespace AuthIndex.TokenServer.Protocol;

/// <summary>A success with a JSON body, or without a body.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The JSON body; null for a status that has none.</param>
internal sealed record JsonAnswer(int Status, byte[]? Body) : Answer
{
    /// <summary>The <c>Cache-Control</c> header, <c>no-store</c> by default; null for none.</summary>
    public string? CacheControl { get; init; } = "no-store";

    /// <summary>The entity tag (RFC 9110 section 8.8.3); null for none.</summary>
    public string? ETag { get; init; }

    /// <summary>The <c>Link</c> to the next page (RFC 8288); null on the last page.</summary>
    public string? Link { get; init; }

    /// <summary>An answer with status 200 and a JSON body in UTF-8.</summary>
    public static JsonAnswer Ok(byte[] body) => new(StatusCodes.Status200OK, body);

    /// <inheritdoc/>
    public override Task SendAsync(HttpResponse response)
    {
        var headers = response.Headers;
        if (CacheControl is not null) headers.CacheControl = CacheControl;
        if (ETag is not null) headers.ETag = ETag;
        if (Link is not null) headers.Link = Link;
        if (Body is not null) return JsonBytes.SendAsync(response, Status, Body);
        response.StatusCode = Status;
        return Task.CompletedTask;
    }
}
