using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>
/// What one thread holds open to one server: a connection that searches as the service's account, and one on which accounts
/// bind. They are two, because a bind changes whom a connection belongs to.
/// </summary>
internal sealed class ServerConnections(
    DirectoryServer server, DirectorySettings settings, ServerGroup group, IDirectoryConnector connector, TimeProvider time) : IDisposable
{
    private readonly LdapTimeoutsOptions timeouts = settings.Options.Timeouts;
    private IDirectoryConnection? service;
    private IDirectoryConnection? accounts;
    private long lastUse = time.GetTimestamp();

    /// <summary>When everything must be over; null while nothing runs.</summary>
    public Deadline? Deadline { get; set; }

    /// <summary>The server.</summary>
    public DirectoryServer Server => server;

    /// <summary>Whether a connection is open already: it may have been cut meanwhile, which is then no fault of the server's.</summary>
    public bool IsOpen => service is not null || accounts is not null;

    /// <summary>Gives up connections that have not been used for so long that something on the way may have dropped them.</summary>
    public void DropIdle()
    {
        if (time.GetElapsedTime(lastUse) > timeouts.Idle) Dispose();
        lastUse = time.GetTimestamp();
    }

    /// <summary>Searches as whoever the configuration lets search.</summary>
    /// <exception cref="ServiceBindException">It is not let in.</exception>
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

    /// <summary>Binds an account.</summary>
    public BindAnswer Bind(string dn, string password) =>
        (accounts ??= connector.Connect(server, Within(timeouts.Connect))).Bind(dn, password, Within(timeouts.Operation));

    /// <summary>Searches as the account that was bound last.</summary>
    public SearchAnswer SearchAsAccount(SearchQuestion question) => accounts!.Search(question, Within(timeouts.Operation));

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

/// <summary>The end of the time that a sign-in has, the waiting for its turn included.</summary>
/// <param name="within">How long it has from now.</param>
/// <param name="time">The clock.</param>
internal sealed class Deadline(TimeSpan within, TimeProvider time)
{
    private readonly long start = time.GetTimestamp();

    /// <summary>What is left.</summary>
    public TimeSpan Remaining => within - time.GetElapsedTime(start);
}
