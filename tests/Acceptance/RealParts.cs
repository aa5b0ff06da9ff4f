using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.Acceptance.RealParts))]

namespace AuthIndex.Acceptance;

/// <summary>
/// What most tests share because it is slow to start: one docker engine and one running AuthIndex, each started by the first test that
/// asks.
/// </summary>
public sealed class RealParts : IAsyncDisposable
{
    private readonly Lazy<Task<DockerEngine>> engine = new(() => DockerEngine.StartAsync());
    private readonly Lazy<Task<AuthIndexUp>> up = new(() => AuthIndexUp.StartAsync());
    private readonly Lazy<Task<ComposedServers>> composed;

    public RealParts() => composed = new(async () => await ComposedServers.StartAsync(await engine.Value));

    /// <summary>The shared AuthIndex, with the policy it comes with.</summary>
    public Task<AuthIndexUp> UpAsync() => up.Value;

    /// <summary>
    /// A docker command line that is logged in nowhere. Where no engine can be had the test is skipped, in continuous integration it
    /// fails.
    /// </summary>
    public async Task<DockerClient> DockerAsync()
    {
        Require(DockerEngine.Obstacle());
        return (await engine.Value).NewClient();
    }

    /// <summary>Both servers in containers of the shared engine.</summary>
    public Task<ComposedServers> ComposedAsync()
    {
        Require(DockerEngine.Obstacle());
        Require(ComposedServers.Obstacle());
        return composed.Value;
    }

    /// <summary>Skips the test where something stands in its way; in continuous integration it fails.</summary>
    public static void Require(string? obstacle)
    {
        if (obstacle is null) return;
        if (Environment.GetEnvironmentVariable("CI") is null) Assert.Skip(obstacle);
        Assert.Fail(obstacle);
    }

    /// <summary>A docker command line that is logged in to the shared AuthIndex as <c>admin</c>.</summary>
    public async Task<DockerClient> DockerOfAdminAsync()
    {
        var docker = await DockerAsync();
        var server = await UpAsync();
        var login = await docker.LoginAsync(server.Host, "admin", server.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        return docker;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (up.IsValueCreated && up.Value.IsCompletedSuccessfully) await (await up.Value).DisposeAsync();
        if (composed.IsValueCreated && composed.Value.IsCompletedSuccessfully) await (await composed.Value).DisposeAsync();
        if (engine.IsValueCreated && engine.Value.IsCompletedSuccessfully) await (await engine.Value).DisposeAsync();
    }
}
