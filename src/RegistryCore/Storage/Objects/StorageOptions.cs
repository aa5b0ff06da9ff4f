using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage.Objects.Azure;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using AuthIndex.RegistryCore.Storage.Objects.S3;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>The section <c>storage</c>: where the bytes of blobs are kept.</summary>
internal sealed class StorageOptions
{
    /// <summary>An S3-compatible object store.</summary>
    public S3Options? S3 { get; set; }

    /// <summary>Azure Blob Storage.</summary>
    public AzureOptions? Azure { get; set; }

    /// <summary>The object store; null for files in the data directory.</summary>
    /// <exception cref="OperatorException">There are two.</exception>
    internal ObjectStoreOptions? Objects => (S3, Azure) switch
    {
        (not null, not null) => throw new OperatorException("registry.storage: has both s3 and azure: remove one of them"),
        (_, { } azure) => azure,
        var (s3, _) => s3,
    };
}

/// <summary>An object store, and what is kept in it how.</summary>
internal abstract class ObjectStoreOptions
{
    /// <summary>The section of the configuration.</summary>
    internal abstract string Section { get; }

    /// <summary>A client of the store; nothing is asked of it yet.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="log">Receives changes of the keys.</param>
    /// <exception cref="OperatorException">The keys are of no use, or something is missing.</exception>
    internal abstract IStoreClient CreateClient(TimeProvider clock, ILogger log);

    /// <summary>The URL of the store.</summary>
    [Required]
    public Uri? ServiceUrl { get; set; }

    /// <summary>What the key of every object begins with, so that the store can be shared.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>The size of the parts in which large blobs are written, of which a store takes a certain number for one object.</summary>
    [AtLeast("5MiB")]
    [AtMost("1GiB")]
    public ByteSize PartSize { get; set; } = new(16 * 1024 * 1024);

    /// <summary>The most memory for parts on their way to the store, of all uploads together; at least one part.</summary>
    public ByteSize UploadMemory { get; set; } = new(256 * 1024 * 1024);

    /// <summary>Which downloads are sent to the store itself; absent: none.</summary>
    public RedirectOptions? Redirect { get; set; }
}

/// <summary>When a GET of a blob is answered with a redirect to the object store.</summary>
internal sealed class RedirectOptions
{
    /// <summary>Blobs of at least this size.</summary>
    public ByteSize Above { get; set; } = new(4 * 1024 * 1024);

    /// <summary>How long the URL of a redirect is valid. A store checks it when a download begins.</summary>
    [DurationRange("10s", "7d")]
    public TimeSpan For { get; set; } = TimeSpan.FromMinutes(20);

    /// <summary>Clients that cannot reach the store: they get the bytes from here.</summary>
    public List<IPNetwork> Except { get; set; } = [];
}
