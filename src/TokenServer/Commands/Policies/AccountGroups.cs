using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>
/// For <c>policy explain</c>: the groups that the configured directories give an account, found as at the use of a refresh token,
/// without its password.
/// </summary>
internal static class AccountGroups
{
    /// <summary>Asks the directories in their order.</summary>
    /// <returns>The groups, and where they come from or why there are none.</returns>
    public static (IReadOnlyList<string> Groups, string Note) Find(
        string account, IReadOnlyList<LdapDirectoryOptions> directories, TimeProvider time)
    {
        if (directories.Count == 0)
        {
            return ([], "directory groups were not looked up: no directory is configured (--config); name one with --group ldap:NAME");
        }

        LibLdap.Demand();
        foreach (var settings in DirectorySettings.Read(directories))
        {
            if (settings.BindsDirectly)
            {
                return ([],
                    $"groups were not looked up: the directory {settings.Name} can be asked only with the account's password "
                    + $"(userDnTemplate); name one with --group ldap:NAME");
            }

            using var session = new DirectorySession(
                settings, new ServerGroup(settings, time, NullLogger.Instance), new ProtocolsConnector(settings.Options.CaFile), time,
                NullLogger.Instance);
            try
            {
                switch (new LdapDirectory(settings, new VerifiedCredentials(time), time, NullLogger.Instance).Find(
                    session, new Deadline(settings.Options.Timeouts.SignIn, time), account))
                {
                    case SignInOutcome.SignedIn who:
                        return (who.Groups,
                            $"groups of {who.Account} in the directory {settings.Name}: "
                            + $"{(who.Groups.Count == 0 ? "none" : LogText.Clean(string.Join(", ", who.Groups)))}");
                    case SignInOutcome.Refused refused:
                        return ([],
                            $"groups were not looked up: the directory {settings.Name} does not let {account} sign in: "
                            + $"{LogText.Clean(refused.Reason)}");
                }
            }
            catch (Exception e) when (e is DirectoryUnavailableException or SearchRefusedException)
            {
                return ([], $"groups were not looked up: directory {settings.Name}: {LogText.Clean(e.Message)}");
            }
        }

        return ([], $"no directory has the account {account}, so it is in none of their groups");
    }
}
