using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Storage.S3;

/// <summary>The section <c>storage</c>: where the bytes of blobs are kept.</summary>
internal sealed class StorageOptions
{
    /// <summary>The object store; absent: files in the data directory.</summary>
    public S3Options? S3 { get; set; }
}

/// <summary>An S3-compatible object store, and what is kept in it how.</summary>
internal sealed class S3Options
{
    /// <summary>The URL of the store's S3 interface.</summary>
    [Required]
    public Uri? ServiceUrl { get; set; }

    /// <summary>The region for which requests are signed.</summary>
    [Required]
    public string Region { get; set; } = "us-east-1";

    /// <summary>The bucket, which must exist.</summary>
    [Required]
    public string? Bucket { get; set; }

    /// <summary>What the key of every object begins with, so that a bucket can be shared.</summary>
    public string Prefix { get; set; } = "";

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

    /// <summary>
    /// The size of the parts in which large blobs are written. A store takes 10,000 parts, so a blob has at most 10,000 times as much.
    /// </summary>
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
