using System.Text;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Objects.Azure;
using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.RegistryCore.Tests.Storage.Objects.SharedAzure))]

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>One server of Azure Blob Storage for all tests of this assembly.</summary>
public sealed class SharedAzure : SharedObjectStore
{
    private readonly Lazy<Task<Azurite>> server = new(Azurite.StartAsync);

    /// <summary>The server. The test is skipped where none can be started.</summary>
    internal Task<Azurite> ServerAsync()
    {
        Assert.SkipWhen(Azurite.Obstacle() is not null, Azurite.Obstacle() ?? "");
        return server.Value;
    }

    /// <summary>Makes an empty container.</summary>
    /// <param name="by">Where the registry reaches the server; null for its own URL.</param>
    internal async Task<AzureOptions> CreateContainerAsync(Uri? by = null) => await (await ServerAsync()).CreateContainerAsync(by);

    /// <inheritdoc/>
    internal override async Task<ObjectStoreOptions> CreateAsync(Uri? by = null) => await CreateContainerAsync(by);

    /// <inheritdoc/>
    internal override async Task<StoreRelay> RelayAsync() => await StoreRelay.StartAsync((await ServerAsync()).Url, isAzure: true);

    /// <inheritdoc/>
    internal override bool NamesUploads => false;

    /// <inheritdoc/>
    internal override string Misname(ObjectStoreOptions options)
    {
        ((AzureOptions)options).Container = "no-such-container";
        return "there is no such container";
    }

    /// <inheritdoc/>
    internal override string SecretOf(ObjectStoreOptions options) => ((AzureOptions)options).AccountKeyFile!;

    /// <inheritdoc/>
    internal override void UseSecret(ObjectStoreOptions options, string file) => ((AzureOptions)options).AccountKeyFile = file;

    /// <inheritdoc/>
    internal override string WrongSecret => Convert.ToBase64String(new byte[64]);

    /// <summary>The name of a block begins with its number, of which six bytes are eight characters of base64.</summary>
    internal override bool IsPart(string path, int number) => path.Contains(
        $"blockid={Convert.ToBase64String(Encoding.ASCII.GetBytes($"{number:d5}-"))}", StringComparison.Ordinal);

    /// <inheritdoc/>
    internal override bool Completes(string method, string path) => path.Contains("comp=blocklist", StringComparison.Ordinal);

    /// <inheritdoc/>
    internal override bool Deletes(string method, string path) => method == "DELETE";

    /// <inheritdoc/>
    internal override string Undeleted => "BlobImmutableDueToPolicy";

    /// <summary>The name of a block is another one each time.</summary>
    internal override string Same(string path) => path.IndexOf("blockid=", StringComparison.Ordinal) is >= 0 and var at
        ? path[..(at + "blockid=".Length + 8)]
        : path;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }
}
