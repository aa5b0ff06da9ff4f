using AuthIndex.RegistryCore.Tests.Blobs;
using AuthIndex.RegistryCore.Tests.Uploads;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Uploads into an object store.</summary>
public sealed class UploadEndpointOnS3Tests(SharedReplica registry) : UploadEndpointSuite(registry), IClassFixture<SharedReplica>;

/// <summary>Blobs in an object store.</summary>
public sealed class BlobEndpointOnS3Tests(SharedReplica registry) : BlobEndpointSuite(registry), IClassFixture<SharedReplica>;
