using System.Runtime.CompilerServices;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

public sealed class LdapLibraryTests
{
    [Fact]
    public void The_LDAP_library_is_known_in_one_folder_only()
    {
        var source = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../../../src/TokenServer"));
        var users = Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(f => File.ReadAllText(f).Contains("System.DirectoryServices", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(users);
        Assert.All(users, f => Assert.StartsWith("Identity/Ldap/Native/", Path.GetRelativePath(source, f), StringComparison.Ordinal));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
