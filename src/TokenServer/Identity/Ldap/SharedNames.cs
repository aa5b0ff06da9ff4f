using System.Runtime.CompilerServices;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity.Htpasswd;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// Finds htpasswd accounts whose names a directory also has, for warnings: the directory's account cannot sign in, and its owner may still
/// hold tokens of the local account.
/// </summary>
internal static class SharedNames
{
    /// <summary>How many names each directory is asked for at most.</summary>
    public const int MaxAsked = 500;

    /// <summary>Asks for one name after another. Directories with direct binds cannot be searched and are skipped.</summary>
    /// <param name="path">The htpasswd file, as warnings name it.</param>
    /// <param name="content">Its accounts.</param>
    /// <param name="directories">The directories.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<SourceProblem> FindAsync(
        string path, HtpasswdContent content, IReadOnlyList<LdapSource> directories,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var directory in directories.Where(d => !d.BindsDirectly))
        {
            foreach (var account in content.Accounts.Take(MaxAsked))
            {
                var found = await directory.NamesAsync(account.Name, asTyped: false, cancellationToken);
                if (found.Outage is { } outage)
                {
                    yield return Warning($"cannot tell whether {directory.Title} has accounts of the same names: {outage.Reason}");
                    break;
                }

                if (found.Accounts is [var other, ..])
                {
                    yield return Warning(
                        $"'{account.Name}' is an account of htpasswd and '{other}' one of {directory.Title}: the directory's account "
                        + $"cannot sign in; rename one of them, and revoke tokens that were issued to the wrong one (tokens revoke "
                        + $"--account)");
                }
            }

            if (content.Count > MaxAsked)
            {
                yield return Warning($"only the first {MaxAsked} of {content.Count} accounts were looked up in {directory.Title}");
            }
        }

        // Of the file, not of a line: lines of this file hold hashes, and problems are shown with their line.
        SourceProblem Warning(string text) => new(new SourcePosition(path, 0, 0), text, IsWarning: true);
    }
}
