namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>Why an upstream gives nothing.</summary>
internal enum FailureKind
{
    /// <summary>It says that there is no such thing.</summary>
    NotFound,

    /// <summary>It does not let this registry have it: 401 or 403, or no token to be had.</summary>
    Refused,

    /// <summary>Too many requests: 429.</summary>
    TooMany,

    /// <summary>It does not answer, or with an error of its own.</summary>
    Unavailable,

    /// <summary>What it sent cannot be used: too long, another digest, a redirect that is not followed.</summary>
    Unusable,
}

/// <summary>Why an upstream gives nothing.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Reason">For people; without secrets.</param>
/// <param name="RetryAfter">After how long it is worth trying again; null when that is not known.</param>
internal sealed record UpstreamFailure(FailureKind Kind, string Reason, TimeSpan? RetryAfter = null)
{
    /// <summary>Whether what is here already may be served instead: the upstream does not say that it is wrong.</summary>
    public bool LeavesCopy => Kind is FailureKind.TooMany or FailureKind.Unavailable or FailureKind.Unusable or FailureKind.Refused;

    /// <summary>
    /// Whether the upstream itself is away: it cannot be reached, or says so (502, 503, 504). What a client can provoke does not count.
    /// </summary>
    public bool IsOutage { get; init; }
}

/// <summary>An upstream gives nothing.</summary>
/// <param name="failure">Why; for clients.</param>
/// <param name="detail">Why, for the log: it may name files and addresses of this server's side. Null for the same.</param>
internal sealed class UpstreamException(UpstreamFailure failure, string? detail = null) : Exception(detail ?? failure.Reason)
{
    public UpstreamException(FailureKind kind, string reason, string? detail = null)
        : this(new UpstreamFailure(kind, reason), detail)
    {
    }

    /// <summary>Why.</summary>
    public UpstreamFailure Failure => failure;
}
