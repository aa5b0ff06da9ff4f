using AuthIndex.TestKit;
using AuthIndex.TokenServer.Commands;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Commands;

public sealed class InitializationTests : IDisposable
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryDirectory directory = new();
    private readonly TokenServerOptions options;

    public InitializationTests() => options = new TokenServerOptions { DataDirectory = directory["new/data"] };

    [Fact]
    public async Task Everything_is_made_for_the_owner_alone_and_the_password_told_once()
    {
        var output = await RunAsync();
        var password = (await File.ReadAllTextAsync(options.InitialPasswordPath, TestContext.Current.CancellationToken)).TrimEnd('\n');
        Assert.Contains($"user admin, password {password}", output, StringComparison.Ordinal);
        Assert.True(PasswordIs(password));
        Assert.Single(KeyDirectory.Load(options.KeysPath));
        Assert.Equal(43, (await File.ReadAllTextAsync(options.CredentialPath, TestContext.Current.CancellationToken)).TrimEnd('\n').Length);
        Assert.All(
            Directory.GetFiles(options.DataDirectory, "*", SearchOption.AllDirectories),
            f => Assert.Equal(FileMode, File.GetUnixFileMode(f)));
        Assert.All(
            [options.DataDirectory, .. Directory.GetDirectories(options.DataDirectory)],
            d => Assert.Equal(FileMode | UnixFileMode.UserExecute, File.GetUnixFileMode(d)));
    }

    [Fact]
    public async Task Running_it_again_changes_nothing_and_says_nothing()
    {
        await RunAsync(["reg.example.com"]);
        var before = Snapshot();
        Assert.Equal("", await RunAsync(["reg.example.com"]));
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public async Task The_credential_lies_where_the_registry_alone_can_be_given_it()
    {
        options.RegistryCredentialFile = Path.Combine(directory.Folder("shared"), "credential");
        await RunAsync();
        Assert.Equal(FileMode, File.GetUnixFileMode(options.RegistryCredentialFile));
        Assert.False(File.Exists(Path.Combine(options.DataDirectory, "registry-credential")));
        Assert.Equal(options.RegistryCredentialFile, Assert.Single(options.EffectiveServices).CredentialFile);
    }

    /// <summary>Every state that a crash between two files, or a removal, can leave.</summary>
    [Fact]
    public async Task Whatever_is_missing_is_made_and_what_is_there_stays()
    {
        await RunAsync();
        for (var missing = 0; missing < 16; missing++)
        {
            string[] files = [
                options.CredentialPath, options.InitialPasswordPath, options.HtpasswdPath, KeyDirectory.List(options.KeysPath)[0]];
            var hadPassword = await File.ReadAllTextAsync(options.InitialPasswordPath, TestContext.Current.CancellationToken);
            var removed = files.Where((_, i) => (missing >> i & 1) != 0).ToList();
            foreach (var file in removed) File.Delete(file);
            var kept = Snapshot();

            await RunAsync();
            Assert.True(kept.All(Snapshot().Contains));
            Assert.Single(KeyDirectory.Load(options.KeysPath));
            Assert.True(File.Exists(options.CredentialPath));
            Assert.True(
                PasswordIs(
                    (File.Exists(options.InitialPasswordPath)
                        ? await File.ReadAllTextAsync(options.InitialPasswordPath, TestContext.Current.CancellationToken)
                        : hadPassword).TrimEnd('\n')));
            // Accounts that are there are the operator's: no password is made up for them.
            Assert.Equal(
                !removed.Contains(options.InitialPasswordPath) || removed.Contains(options.HtpasswdPath),
                File.Exists(options.InitialPasswordPath));
            if (!File.Exists(options.InitialPasswordPath)) await RestorePasswordAsync(hadPassword);
        }
    }

    [Fact]
    public async Task Two_at_once_make_one_of_everything()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => RunAsync(["reg.example.com"]))));
        Assert.Single(KeyDirectory.Load(options.KeysPath));
        Assert.True(
            PasswordIs((await File.ReadAllTextAsync(options.InitialPasswordPath, TestContext.Current.CancellationToken)).TrimEnd('\n')));
        Assert.DoesNotContain(
            Directory.GetFiles(options.DataDirectory, "*", SearchOption.AllDirectories), f => f.EndsWith(".tmp", StringComparison.Ordinal));
    }

    public void Dispose() => directory.Dispose();

    private async Task<string> RunAsync(string[]? tlsHosts = null)
    {
        await using var output = new StringWriter();
        await new Initialization(options, new FakeTimeProvider(TokenServerHost.Start)).RunAsync(
            tlsHosts, output, TestContext.Current.CancellationToken);
        return output.ToString();
    }

    private async Task RestorePasswordAsync(string content)
    {
        await File.WriteAllTextAsync(options.InitialPasswordPath, content);
        File.SetUnixFileMode(options.InitialPasswordPath, FileMode);
    }

    private bool PasswordIs(string password)
    {
        using var scratch = new PasswordHash.Scratch();
        return scratch.Verify(password, HtpasswdContent.Parse("x", File.ReadAllBytes(options.HtpasswdPath)).Find("admin")!.Hash!);
    }

    private HashSet<string> Snapshot() =>
        [.. Directory.GetFiles(options.DataDirectory, "*", SearchOption.AllDirectories)
            .Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks} {Convert.ToHexString(File.ReadAllBytes(f))}")];
}
