using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary><c>docker search</c> by a real engine.</summary>
public sealed class DockerSearchTests(RealParts parts)
{
    [Fact]
    public async Task Docker_search_finds_what_whoever_is_logged_in_may_pull()
    {
        using var folder = new TemporaryDirectory();
        var up = await parts.UpAsync();
        var docker = (await parts.DockerAsync()).InFolder(folder["docker"]);
        var login = await docker.LoginAsync(up.Host, "admin", up.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        foreach (var image in (string[])[$"{up.Host}/public/searched-web:1", $"{up.Host}/team/searched-web:1"])
        {
            await docker.BuildAsync(image, 1_000);
            await docker.MustAsync("push", image);
            await docker.MustAsync("rmi", image);
        }

        await FindsAsync("public/searched-web", "team/searched-web"); // by the stored refresh token
        await docker.MustAsync("logout", up.Host);
        await FindsAsync("public/searched-web");

        async Task FindsAsync(params string[] names)
        {
            var found = "";
            await Eventually.TrueAsync(
                async () =>
                {
                    found = await docker.MustAsync("search", "--format", "{{.Name}}", $"{up.Host}/searched-web");
                    return names.SequenceEqual(found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
                },
                TimeSpan.FromSeconds(30), // the registry reports within a second
                () => $"docker search found:\n{found}");
        }
    }
}
