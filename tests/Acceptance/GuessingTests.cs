using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>What people read when somebody guesses their password.</summary>
public sealed class GuessingTests(RealParts parts)
{
    [Fact]
    public async Task Docker_says_how_long_to_wait_after_too_many_wrong_passwords_and_others_still_sign_in()
    {
        using var folder = new TemporaryDirectory();
        await using var up = await AuthIndexUp.StartAsync();
        var docker = (await parts.DockerAsync()).InFolder(folder["docker"]);
        for (var i = 0; i < 10; i++)
        {
            Assert.Contains("wrong password", (await docker.LoginAsync(up.Host, "carol", $"guess {i}")).All, StringComparison.Ordinal);
        }

        var limited = await docker.LoginAsync(up.Host, "carol", "further guess");
        Assert.NotEqual(0, limited.ExitCode);
        Assert.Matches("toomanyrequests: too many failed sign-ins; try again in [0-9]+ s", limited.All);
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "admin", up.AdminPassword)).ExitCode);
    }
}
