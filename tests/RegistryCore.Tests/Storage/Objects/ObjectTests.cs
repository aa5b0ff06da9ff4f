using AuthIndex.RegistryCore.Tests.Blobs;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Uploads;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Blobs in S3, as scrub, collection and comparison see them.</summary>
public sealed class S3BytesTests(SharedS3 shared) : ObjectBytesSuite(shared);

/// <summary>Blobs in Azure Blob Storage, as scrub, collection and comparison see them.</summary>
public sealed class AzureBytesTests(SharedAzure shared) : ObjectBytesSuite(shared);

/// <summary>Uploads through several registries into S3.</summary>
public sealed class S3UploadTests(SharedPostgres postgres, SharedS3 shared) : ObjectUploadSuite(postgres, shared);

/// <summary>Uploads through several registries into Azure Blob Storage.</summary>
public sealed class AzureUploadTests(SharedPostgres postgres, SharedAzure shared) : ObjectUploadSuite(postgres, shared);

/// <summary>Registries whose S3 fails.</summary>
public sealed class S3FaultTests(SharedPostgres postgres, SharedS3 shared) : ObjectFaultSuite(postgres, shared);

/// <summary>Registries whose Azure Blob Storage fails.</summary>
public sealed class AzureFaultTests(SharedPostgres postgres, SharedAzure shared) : ObjectFaultSuite(postgres, shared);

/// <summary>A registry on PostgreSQL and S3.</summary>
public sealed class ReplicaOnS3(SharedPostgres postgres, SharedS3 store) : SharedReplica(postgres, store);

/// <summary>A registry on PostgreSQL and Azure Blob Storage.</summary>
public sealed class ReplicaOnAzure(SharedPostgres postgres, SharedAzure store) : SharedReplica(postgres, store);

/// <summary>Uploads into S3.</summary>
public sealed class UploadEndpointOnS3Tests(ReplicaOnS3 registry) : UploadEndpointSuite(registry), IClassFixture<ReplicaOnS3>;

/// <summary>Uploads into Azure Blob Storage.</summary>
public sealed class UploadEndpointOnAzureTests(ReplicaOnAzure registry) : UploadEndpointSuite(registry), IClassFixture<ReplicaOnAzure>;

/// <summary>Blobs in S3.</summary>
public sealed class BlobEndpointOnS3Tests(ReplicaOnS3 registry) : BlobEndpointSuite(registry), IClassFixture<ReplicaOnS3>;

/// <summary>Blobs in Azure Blob Storage.</summary>
public sealed class BlobEndpointOnAzureTests(ReplicaOnAzure registry) : BlobEndpointSuite(registry), IClassFixture<ReplicaOnAzure>;
