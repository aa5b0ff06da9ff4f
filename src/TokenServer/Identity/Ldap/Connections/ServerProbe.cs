using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>Looks in the background whether a server that was left alone answers again, so that nobody's sign-in waits for it.</summary>
internal static class ServerProbe
{
    private const string RootEntry = "";

    /// <summary>
    /// Begins to look. LDAP is spoken synchronously, so it takes a thread of its own for as long as one connection may take.
    /// </summary>
    public static void Begin(
        CircuitBreaker breaker, DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time,
        ILogger log) =>
        new Thread(
            () => Look(
                breaker, settings, servers, connector, time, log)) { IsBackground = true, Name = $"ldap {settings.Name} probe" }.Start();

    private static void Look(
        CircuitBreaker breaker, DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time,
        ILogger log)
    {
        using var connections = new ServerConnections(breaker.Server, settings, servers, connector, time);
        try
        {
            connections.Search(new SearchQuestion(RootEntry, SearchDepth.Base, "(objectClass=*)", ["1.1"], 1));
        }
        catch (ServerFailureException e)
        {
            breaker.Failed(e.Message, e.IsUntrusted);
            return;
        }
        catch (Exception e) when (e is SearchRefusedException or ServiceBindException)
        {
            // It answers; what stands against the account that searches, the next sign-in tells.
        }
        catch (Exception e)
        {
            // Nobody is above this thread.
            LdapLog.ProbeFailed(log, settings.Name, breaker.Server, e);
            return;
        }

        if (breaker.Succeeded()) LdapLog.ServerBack(log, settings.Name, breaker.Server);
    }
}
