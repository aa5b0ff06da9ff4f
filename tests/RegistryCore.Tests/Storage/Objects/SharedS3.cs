using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.RegistryCore.Tests.Storage.Objects.SharedS3))]

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>One S3 server for all tests of this assembly.</summary>
public sealed class SharedS3 : SharedObjectStore
{
    private readonly Lazy<Task<RadosGateway>> server = new(() => RadosGateway.StartAsync());

    /// <summary>Makes an empty bucket. The test is skipped where no server can be started.</summary>
    /// <param name="by">Where the registry reaches the server; null for its own URL.</param>
    internal async Task<S3Options> CreateBucketAsync(Uri? by = null) => await (await ServerAsync()).CreateBucketAsync(by);

    /// <inheritdoc/>
    internal override async Task<ObjectStoreOptions> CreateAsync(Uri? by = null) => await CreateBucketAsync(by);

    /// <inheritdoc/>
    internal override async Task<StoreRelay> RelayAsync() => await StoreRelay.StartAsync((await ServerAsync()).Url);

    /// <inheritdoc/>
    internal override bool NamesUploads => true;

    /// <inheritdoc/>
    internal override string Misname(ObjectStoreOptions options)
    {
        ((S3Options)options).Bucket = "no-such-bucket";
        return "there is no such bucket";
    }

    /// <inheritdoc/>
    internal override string SecretOf(ObjectStoreOptions options) => ((S3Options)options).SecretKeyFile!;

    /// <inheritdoc/>
    internal override void UseSecret(ObjectStoreOptions options, string file) => ((S3Options)options).SecretKeyFile = file;

    /// <inheritdoc/>
    internal override string WrongSecret => "wrong";

    /// <inheritdoc/>
    internal override bool IsPart(string path, int number) => path.Contains($"partNumber={number}", StringComparison.Ordinal);

    /// <inheritdoc/>
    internal override bool Completes(string method, string path) =>
        method == "POST" && path.Contains("uploadId", StringComparison.Ordinal);

    /// <inheritdoc/>
    internal override bool Deletes(string method, string path) => method == "POST";

    /// <inheritdoc/>
    internal override string Undeleted => "AccessDenied locked";

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }

    private Task<RadosGateway> ServerAsync()
    {
        Assert.SkipWhen(RadosGateway.Obstacle() is not null, RadosGateway.Obstacle() ?? "");
        return server.Value;
    }
}
