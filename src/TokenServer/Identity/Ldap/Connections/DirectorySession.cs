using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>
/// One thread's access to a directory: the first working server in order, through connections kept open. After a failure the next server is
/// used, which then serves the whole sign-in; a connection that was cut while idle is reopened first.
/// </summary>
internal sealed class DirectorySession(
    DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time, ILogger log) : IDisposable
{
    // Of the time that is left to a sign-in, a server that has not answered in it yet gets no more where another one could.
    private const int ShareOfFirst = 3;

    private readonly ServerConnections[] connections = [
        .. servers.Servers.Select(s => new ServerConnections(s.Server, settings, servers, connector, time))];
    private readonly HashSet<DirectoryBreaker> failed = []; // in this sign-in
    private Deadline? current;
    private DirectoryBreaker? answered;

    /// <summary>Runs an action on the first server that answers.</summary>
    /// <exception cref="DirectoryUnavailableException">None does.</exception>
    /// <exception cref="SearchRefusedException">A server answers but refuses the search.</exception>
    public T Run<T>(Deadline deadline, Func<ServerConnections, T> work)
    {
        Begin(deadline);
        string? last = null;
        foreach (var i in Order())
        {
            var breaker = servers.Servers[i];
            if (deadline.Remaining <= TimeSpan.Zero) throw servers.Unavailable(last ?? "the sign-in waited too long");
            if (!MayTry(breaker))
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
                failed.Add(breaker);
                connections[i].Dispose();
                // While another server works, nobody should wait for a silent one a second time.
                if (breaker.Failed(e.Message, e.IsUntrusted, isCertain: e.IsTimeout && HasOther(breaker)))
                {
                    LdapLog.ServerLost(log, settings.Name, e.Message);
                }
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

    private void Begin(Deadline deadline)
    {
        if (current == deadline) return;
        (current, answered) = (deadline, null);
        failed.Clear();
    }

    /// <summary>The servers in the order in which they are tried: a sign-in stays with the server it began with.</summary>
    private IEnumerable<int> Order() =>
        Enumerable.Range(0, connections.Length).Where(i => !failed.Contains(servers.Servers[i]))
        .OrderByDescending(i => servers.Servers[i] == answered);

    private bool HasOther(DirectoryBreaker breaker) => servers.Servers.Any(s => s != breaker && s.Failure is null && !failed.Contains(s));

    /// <summary>Whether a server is tried now. A server that is out of use is probed in the background while another one serves.</summary>
    private bool MayTry(DirectoryBreaker breaker)
    {
        if (!breaker.TryEnter()) return false;
        if (breaker.Failure is null || !HasOther(breaker)) return true;
        ServerProbe.Begin(breaker, settings, servers, connector, time, log);
        return false;
    }

    private T At<T>(DirectoryBreaker breaker, ServerConnections at, Deadline deadline, Func<ServerConnections, T> work)
    {
        at.DropIdle();
        at.Deadline = answered != breaker && HasOther(breaker) ? new Deadline(deadline.Remaining / ShareOfFirst, time) : deadline;
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

    private T Answered<T>(DirectoryBreaker breaker, T result)
    {
        answered = breaker;
        if (breaker.Succeeded()) LdapLog.ServerBack(log, settings.Name, breaker.Server);
        return result;
    }
}
