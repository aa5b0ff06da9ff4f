using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>Limits on what clients send and ask for.</summary>
internal sealed class LimitOptions
{
    /// <summary>The largest manifest accepted; a larger one gets 413.</summary>
    public ByteSize ManifestSize { get; set; } = new(4 * 1024 * 1024);

    /// <summary>
    /// The most memory for manifests that are being received, at least twice <see cref="ManifestSize"/>; one account gets half of it.
    /// </summary>
    public ByteSize ManifestsInFlight { get; set; } = new(128 * 1024 * 1024);

    /// <summary>The most descriptors in one manifest.</summary>
    [Range(1, 100_000)]
    public int ManifestReferences { get; set; } = 10_000;

    /// <summary>How many indexes may lie in one another, the outermost counted.</summary>
    [Range(1, 100)]
    public int IndexDepth { get; set; } = 8;

    /// <summary>The most tags that one push can move.</summary>
    [Range(10, 1000)]
    public int TagsPerPush { get; set; } = 100;

    /// <summary>The most ranges of a blob that are answered one by one; who asks for more gets the whole blob.</summary>
    [Range(1, 1000)]
    public int Ranges { get; set; } = 16;

    /// <summary>The most upload sessions that one account, or all anonymous callers together, may have open.</summary>
    [Range(1, 100_000)]
    public int UploadSessions { get; set; } = 1000;

    /// <summary>
    /// The length that chunks of an upload should have at least, which clients are told; smaller ones are taken too. 0 to tell nothing.
    /// </summary>
    public ByteSize ChunkLength { get; set; }

    /// <summary>
    /// Requests per second that an address may make without proving who it is, ten times as many at once; 0 for any number.
    /// </summary>
    [Range(0, 100_000)]
    public int UnauthenticatedPerSecond { get; set; } = 200;

    /// <summary>The most bytes of all headers of a request; a token alone may have 64 KiB.</summary>
    [AtLeast("16KiB")]
    [AtMost("1MiB")]
    public ByteSize RequestHeaders { get; set; } = new(96 * 1024);

    /// <summary>The most names on one page of tags or repositories.</summary>
    [Range(1, 100_000)]
    public int PageSize { get; set; } = 10_000;

    /// <summary>The most memory for manifests that are kept at hand.</summary>
    public ByteSize ManifestCache { get; set; } = new(32 * 1024 * 1024);
}
