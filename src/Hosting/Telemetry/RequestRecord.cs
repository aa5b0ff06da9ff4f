namespace AuthIndex.Hosting.Telemetry;

/// <summary>What is logged about a finished request. Each part adds what it knows; nothing here is used for decisions.</summary>
/// <param name="id">Its <see cref="RequestId"/>.</param>
public sealed class RequestRecord(string id)
{
    /// <summary>The route of requests that match no row.</summary>
    public const string NoRoute = "other";

    private static readonly AsyncLocal<RequestRecord?> Ambient = new();

    /// <summary>The record of the request that this code works for; null where it works for none.</summary>
    public static RequestRecord? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }

    /// <summary>The request's name in the logs.</summary>
    public string Id => id;

    /// <summary>The row of the server's table of routes, one of few texts; never the path.</summary>
    public string Route { get; set; } = NoRoute;

    /// <summary>The repository; null where there is none.</summary>
    public string? Repository { get; set; }

    /// <summary>The account, empty for an anonymous caller; null where none was found out.</summary>
    public string? Account { get; set; }

    /// <summary>The id of the token server's decision; null where nothing was decided.</summary>
    public string? Decision { get; set; }

    /// <summary>The <c>jti</c> of the token that was issued or shown; null where there is none.</summary>
    public string? TokenId { get; set; }

    /// <summary>Whether the client went away before it was answered, or the request was cut.</summary>
    public bool IsBrokenOff { get; set; }

    /// <summary>The bytes of the body received, where its length was not told beforehand.</summary>
    public long? Received { get; set; }

    /// <summary>The bytes of the answer's body handed to the connection, where that may be fewer than promised.</summary>
    public long? Sent { get; set; }
}
