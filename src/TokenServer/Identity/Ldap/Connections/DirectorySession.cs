using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>
/// One thread's way to a directory: the first server in order that works, through connections kept open. A server that fails
/// is passed over for the next; a connection that was cut while it lay idle is opened anew first.
/// </summary>
internal sealed class DirectorySession(DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time, ILogger log) : IDisposable
{
    private readonly ServerConnections[] connections = [.. servers.Servers.Select(s => new ServerConnections(s.Server, settings, servers, connector, time))];

    /// <summary>Does something at the first server that answers.</summary>
    /// <exception cref="DirectoryUnavailableException">None does.</exception>
    /// <exception cref="SearchRefusedException">One does, but will not search.</exception>
    public T Run<T>(Deadline deadline, Func<ServerConnections, T> work)
    {
        string? last = null;
        for (var i = 0; i < connections.Length; i++)
        {
            var breaker = servers.Servers[i];
            if (deadline.Remaining <= TimeSpan.Zero) throw servers.Unavailable(last ?? "the sign-in had to wait too long");
            if (!breaker.TryEnter())
            {
                connections[i].Dispose();
                continue;
            }

            try
            {
                return At(breaker, connections[i], deadline, work);
            }
            catch (ServerFailureException e)
            {
                last = e.Message;
                connections[i].Dispose();
                if (breaker.Failed(e.Message, e.IsUntrusted)) LdapLog.ServerLost(log, settings.Name, e.Message);
            }
            catch (ServiceBindException e)
            {
                // Another server knows the same account: to try it there is to try a wrong password twice.
                connections[i].Dispose();
                if (servers.Account.Failed(e.Message)) LdapLog.ServiceAccountRefused(log, settings.Name, LogText.Clean(e.Message));
                throw new DirectoryUnavailableException(e.RetryAfter, e.Message);
            }
        }

        throw servers.Unavailable(last);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var connection in connections) connection.Dispose();
    }

    private T At<T>(CircuitBreaker breaker, ServerConnections at, Deadline deadline, Func<ServerConnections, T> work)
    {
        at.DropIdle();
        at.Deadline = deadline;
        var wasOpen = at.IsOpen;
        try
        {
            return Answered(breaker, work(at));
        }
        catch (SearchRefusedException)
        {
            Answered(breaker, true);
            throw;
        }
        catch (ServerFailureException e) when (wasOpen && !e.IsTimeout)
        {
            at.Dispose();
            return Answered(breaker, work(at));
        }
    }

    private T Answered<T>(CircuitBreaker breaker, T result)
    {
        if (breaker.Succeeded()) LdapLog.ServerBack(log, settings.Name, breaker.Server);
        return result;
    }
}
