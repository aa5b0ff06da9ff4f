namespace AuthIndex.TokenServer.Protocol;

/// <summary>A success.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The JSON body; null for a status that has none.</param>
internal sealed record JsonAnswer(int Status, byte[]? Body) : Answer
{
    /// <summary>Who may keep the answer: nobody, where nothing else is said; null leaves that open.</summary>
    public string? CacheControl { get; init; } = "no-store";

    /// <summary>The version of what is answered (RFC 9110 section 8.8.3); null for none.</summary>
    public string? ETag { get; init; }

    /// <summary>Where the list goes on (RFC 8288); null where it does not.</summary>
    public string? Link { get; init; }

    /// <summary>200 with a body.</summary>
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
