using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.RegistryCore.Tests.Storage.Objects.SharedObjectStore))]

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>One S3 server for all tests of this assembly, started by the first that asks.</summary>
public sealed class SharedObjectStore : IAsyncDisposable
{
    private readonly Lazy<Task<RadosGateway>> server = new(() => RadosGateway.StartAsync());

    /// <summary>Makes an empty bucket. The test is skipped where no server can be started.</summary>
    /// <param name="by">Where the registry reaches the server; null for its own URL.</param>
    internal async Task<S3Options> CreateBucketAsync(Uri? by = null) => await (await ServerAsync()).CreateBucketAsync(by);

    /// <summary>A line to the server, with faults.</summary>
    internal async Task<StoreRelay> RelayAsync() => await StoreRelay.StartAsync((await ServerAsync()).Url);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }

    private Task<RadosGateway> ServerAsync()
    {
        Assert.SkipWhen(RadosGateway.Obstacle() is not null, RadosGateway.Obstacle() ?? "");
        return server.Value;
    }
}
