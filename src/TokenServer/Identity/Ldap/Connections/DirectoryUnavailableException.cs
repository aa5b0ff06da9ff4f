namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>No server of the directory answers now.</summary>
internal sealed class DirectoryUnavailableException(TimeSpan retryAfter, string reason) : Exception(reason)
{
    /// <summary>When it is worth asking again.</summary>
    public TimeSpan RetryAfter => retryAfter;
}
