namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>How a directory is.</summary>
internal enum DirectoryHealth
{
    /// <summary>Every server is used.</summary>
    Ok,

    /// <summary>A server is left alone, another one serves.</summary>
    Degraded,

    /// <summary>Every server is left alone.</summary>
    Unavailable,
}

/// <summary>A directory's servers in their order, with what is known of each; shared by all its threads.</summary>
internal sealed class ServerGroup
{
    private readonly ServerBreaker[] servers;

    public ServerGroup(DirectorySettings settings, TimeProvider time) =>
        servers = [.. settings.Servers.Select(s => new ServerBreaker(s, settings.Options.Timeouts.Retry, time))];

    /// <summary>The servers.</summary>
    public IReadOnlyList<ServerBreaker> Servers => servers;

    /// <summary>How the directory is.</summary>
    public DirectoryHealth Health
    {
        get
        {
            var failed = servers.Count(s => s.Failure is not null);
            return failed == 0 ? DirectoryHealth.Ok : failed < servers.Length ? DirectoryHealth.Degraded : DirectoryHealth.Unavailable;
        }
    }

    /// <summary>That no server answers, with when the next attempt is due and what each one's failure was.</summary>
    public DirectoryUnavailableException Unavailable(string? last)
    {
        var wait = servers.Min(s => s.Remaining);
        var reasons = servers.Select(s => s.Failure).OfType<string>().Append(last).OfType<string>().Distinct(StringComparer.Ordinal);
        return new DirectoryUnavailableException(wait < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : wait, string.Join("; ", reasons));
    }
}
