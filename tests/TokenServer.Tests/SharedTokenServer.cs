using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests;

/// <summary>One token server for the tests of a class that leave it as it was.</summary>
public sealed class SharedTokenServer : IAsyncLifetime
{
    /// <summary>The server.</summary>
    internal TokenServerHost Host { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Host = await TokenServerHost.StartAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
