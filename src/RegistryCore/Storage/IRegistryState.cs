using AuthIndex.Hosting.Health;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Storage.Uses;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>What the registry knows of its content: the stores of one database. The bytes of blobs lie elsewhere.</summary>
internal interface IRegistryState
{
    /// <summary>The repositories by name.</summary>
    IRepositoryStore Repositories { get; }

    /// <summary>Manifests.</summary>
    IManifestStore Manifests { get; }

    /// <summary>Which manifests refer to which.</summary>
    IReferrerStore Referrers { get; }

    /// <summary>Tags and their history.</summary>
    ITagStore Tags { get; }

    /// <summary>Which blobs there are, and which repository holds which.</summary>
    IBlobIndex Blobs { get; }

    /// <summary>Changes not yet reported to the index.</summary>
    IOutbox Outbox { get; }

    /// <summary>When manifests of upstreams were last asked for.</summary>
    IManifestUses Uses { get; }

    /// <summary>What is known of the bytes' being right.</summary>
    ICheckedContent Checked { get; }

    /// <summary>Where a process leaves pulls that another process reports, or that it reports itself after its next start.</summary>
    ISharedPulls Pulls { get; }

    /// <summary>Which jobs of the registry are this process's.</summary>
    ILeases Leases { get; }

    /// <summary>How much is stored.</summary>
    ValueTask<StorageSize> SizeAsync();

    /// <summary>When the last collection ended, or, before the first, when the database was made; Unix seconds.</summary>
    ValueTask<(long CreatedAt, long? CollectedAt)> CollectionsAsync();

    /// <summary>How the database is, as a part of the server's readiness.</summary>
    HealthPart CheckHealth();
}
