using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>Checks in the background whether a server that was out of use answers again, so that no sign-in waits for it.</summary>
internal static class ServerProbe
{
    private const string RootEntry = "";

    /// <summary>Starts a probe. LDAP calls are synchronous, so it uses its own thread.</summary>
    public static void Begin(
        DirectoryBreaker breaker, DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time,
        ILogger log) =>
        new Thread(
            () => Look(
                breaker, settings, servers, connector, time, log)) { IsBackground = true, Name = $"ldap {settings.Name} probe" }.Start();

    private static void Look(
        DirectoryBreaker breaker, DirectorySettings settings, ServerGroup servers, IDirectoryConnector connector, TimeProvider time,
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
            // It answers; a rejected service account is reported by the next sign-in.
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
