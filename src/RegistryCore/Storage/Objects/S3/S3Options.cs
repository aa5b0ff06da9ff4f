using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage.Objects.Requests;

namespace AuthIndex.RegistryCore.Storage.Objects.S3;

/// <summary>The section <c>storage.s3</c>: a bucket of an S3-compatible object store.</summary>
internal sealed class S3Options : ObjectStoreOptions
{
    /// <inheritdoc/>
    internal override string Section => "registry.storage.s3";

    /// <inheritdoc/>
    internal override IStoreClient CreateClient(TimeProvider clock, ILogger log) => new S3StoreClient(this, log);

    /// <summary>The region for which requests are signed.</summary>
    [Required]
    public string Region { get; set; } = "us-east-1";

    /// <summary>The bucket, which must exist.</summary>
    [Required]
    public string? Bucket { get; set; }

    /// <summary>The file with the access key.</summary>
    [FilePath]
    [Required]
    public string? AccessKeyFile { get; set; }

    /// <summary>The file with the secret key.</summary>
    [FilePath]
    [Required]
    public string? SecretKeyFile { get; set; }

    /// <summary>Whether the bucket is named in the path of a URL and not in its host.</summary>
    public bool ForcePathStyle { get; set; } = true;
}
