using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// What one thread holds open to one server: a connection that searches as the service's account, and one on which accounts
/// bind. They are two, because a bind changes whom a connection belongs to.
/// </summary>
internal sealed class ServerConnections(DirectoryServer server, DirectorySettings settings, IDirectoryConnector connector, TimeProvider time) : IDisposable
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
    public SearchAnswer Search(SearchQuestion question) => (service ??= OpenService()).Search(question, Within(timeouts.Operation));

    /// <summary>Binds an account.</summary>
    public BindAnswer Bind(string dn, string password) => (accounts ??= connector.Connect(server, Within(timeouts.Connect))).Bind(dn, password, Within(timeouts.Operation));

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
        var connection = connector.Connect(server, Within(timeouts.Connect));
        try
        {
            if (settings.Options.BindDn is { } dn)
            {
                var answer = connection.Bind(dn, ReadPassword(), Within(timeouts.Operation));
                if (!answer.IsSuccess) throw new ServiceBindException($"{server}: {dn} cannot bind to search: result {answer.Code} {LogText.Clean(answer.Diagnostic)}".TrimEnd());
            }

            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Read anew for every connection, so that a changed password needs no restart.</summary>
    private string ReadPassword()
    {
        try
        {
            return Encoding.UTF8.GetString(SecretFile.Read(settings.Options.BindPasswordFile!, "the directory password", "write the password of bindDn into it")).TrimEnd('\r', '\n') is { Length: > 0 } password
                ? password
                : throw new ServiceBindException($"{settings.Options.BindPasswordFile} holds no password");
        }
        catch (OperatorException e)
        {
            throw new ServiceBindException(e.Message, e);
        }
    }

    private TimeSpan Within(TimeSpan atMost)
    {
        var left = Deadline?.Remaining ?? atMost;
        return left < atMost ? left : atMost;
    }
}

/// <summary>The account that searches is not let in. Trying again at once would only lock it.</summary>
internal sealed class ServiceBindException(string reason, Exception? inner = null) : Exception(reason, inner);

/// <summary>The end of the time that a sign-in has, the waiting for its turn included.</summary>
/// <param name="within">How long it has from now.</param>
/// <param name="time">The clock.</param>
internal sealed class Deadline(TimeSpan within, TimeProvider time)
{
    private readonly long start = time.GetTimestamp();

    /// <summary>What is left.</summary>
    public TimeSpan Remaining => within - time.GetElapsedTime(start);
}
