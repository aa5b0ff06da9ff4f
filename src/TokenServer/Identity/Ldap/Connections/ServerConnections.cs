using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>
/// One thread's connections to one server: one that searches as the service's account, and one on which accounts bind. They are separate
/// because a bind changes the identity of a connection.
/// </summary>
internal sealed class ServerConnections(
    DirectoryServer server, DirectorySettings settings, ServerGroup group, IDirectoryConnector connector, TimeProvider time) : IDisposable
{
    private readonly LdapTimeoutsOptions timeouts = settings.Options.Timeouts;
    private IDirectoryConnection? service;
    private IDirectoryConnection? accounts;
    private long lastUse = time.GetTimestamp();

    /// <summary>The deadline; null while nothing runs.</summary>
    public Deadline? Deadline { get; set; }

    /// <summary>The directory server that both connections lead to.</summary>
    public DirectoryServer Server => server;

    /// <summary>Whether a connection is already open; it may have been dropped while idle, which is not a server failure.</summary>
    public bool IsOpen => service is not null || accounts is not null;

    /// <summary>Closes connections that have been idle long enough for a firewall to have dropped them.</summary>
    public void DropIdle()
    {
        if (time.GetElapsedTime(lastUse) > timeouts.Idle) Dispose();
        lastUse = time.GetTimestamp();
    }

    /// <summary>Searches as the configured account, or anonymously.</summary>
    /// <exception cref="ServiceBindException">Its bind was rejected.</exception>
    public SearchAnswer Search(SearchQuestion question)
    {
        service ??= OpenService();
        try
        {
            var answer = service.Search(question, Within(timeouts.Operation));
            group.Searched(question.BaseDn, null);
            group.Account.Worked();
            return answer;
        }
        catch (SearchRefusedException e) when (e.Code == ResultCodes.UnwillingToPerform && settings.Options.BindDn is { } dn)
        {
            // 389 Directory Server lets an account whose password an administrator has set bind, and then only change it.
            throw new ServiceBindException(
                $"{server} lets bindDn {dn} bind but not search: {e.Message}; its password must probably be changed first, by the account "
                + $"itself or by turning off passwordMustChange for it", timeouts.Retry, e);
        }
        catch (SearchRefusedException e)
        {
            group.Searched(question.BaseDn, e);
            throw;
        }
    }

    /// <summary>Binds an account with its password, on the connection for binds.</summary>
    public BindAnswer Bind(string dn, string password) =>
        (accounts ??= connector.Connect(server, Within(timeouts.Connect))).Bind(dn, password, Within(timeouts.Operation));

    /// <summary>Searches as the account that was bound last.</summary>
    public SearchAnswer SearchAsAccount(SearchQuestion question) =>
        (accounts ?? throw new InvalidOperationException("No account has been bound.")).Search(question, Within(timeouts.Operation));

    /// <inheritdoc/>
    public void Dispose()
    {
        service?.Dispose();
        accounts?.Dispose();
        (service, accounts) = (null, null);
    }

    private IDirectoryConnection OpenService()
    {
        group.Account.Demand();
        var connection = connector.Connect(server, Within(timeouts.Connect));
        try
        {
            group.Account.Bind(server, (dn, password) => connection.Bind(dn, password, Within(timeouts.Operation)));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private TimeSpan Within(TimeSpan atMost)
    {
        var left = Deadline?.Remaining ?? atMost;
        return left < atMost ? left : atMost;
    }
}

/// <summary>The deadline of a sign-in, queueing included.</summary>
/// <param name="within">How long it has from now.</param>
/// <param name="time">The clock.</param>
internal sealed class Deadline(TimeSpan within, TimeProvider time)
{
    private readonly long start = time.GetTimestamp();

    /// <summary>The time left; zero or negative when it is over.</summary>
    public TimeSpan Remaining => within - time.GetElapsedTime(start);
}
