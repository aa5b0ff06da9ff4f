using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>
/// What every database must do for the registry, run against each of them: two states of one database, as two processes have them where
/// the database allows two.
/// </summary>
public abstract partial class RegistryStateTests : IAsyncLifetime
{
    private int number;

    private protected FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds()));

    private protected LimitOptions Limits { get; } = new() { IndexDepth = 3 };

    private protected GarbageCollectionOptions Collection { get; } = new();

    private protected ContentRules Rules { get; } = new(AllowsSparse: false, DeletesNeeded: true) { SparsePrefixes = ["copies"] };

    private protected IRegistryState One { get; private set; } = null!;

    private protected IRegistryState Other { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => (One, Other) = await OpenAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await CloseAsync();
    }

    /// <summary>Opens an empty database twice, or once where only one process may have it.</summary>
    private protected abstract Task<(IRegistryState One, IRegistryState Other)> OpenAsync();

    /// <summary>Closes what was opened.</summary>
    private protected abstract ValueTask CloseAsync();

    /// <summary>The key of new bytes, as this database has them.</summary>
    private protected abstract string KeyOf(Digest digest);

    private static RepositoryName App { get; } = Name("team/app");

    private long Now => Clock.GetUtcNow().ToUnixTimeSeconds();

    private static RepositoryName Name(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text, nameof(text));

    private static Reference At(string text) =>
        Reference.TryParse(text, out var reference) ? reference : throw new ArgumentException(text, nameof(text));

    private static Digest DigestOf(string text) => Digest.Compute(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(text));

    private static Precondition IfNew => new(null, "*");

    /// <summary>A manifest that no other test and no other call makes.</summary>
    private NewManifest Unique(
        IReadOnlyList<Digest>? blobs = null, IReadOnlyList<Digest>? children = null, Digest? subject = null, string? artifactType = null,
        string type = MediaTypes.OciIndex, string? annotations = null)
    {
        var bytes = Encoding.UTF8.GetBytes($"manifest {Interlocked.Increment(ref number).ToString(CultureInfo.InvariantCulture)}");
        return new NewManifest(
            new ManifestRecord(Digest.Compute(HashAlgorithmName.SHA256, bytes), type, bytes), blobs ?? [], children ?? [], subject,
            artifactType, annotations, []);
    }

    private async Task<BlobRecord> AddBlobAsync(string text, string repository = "team/app")
    {
        var blob = new BlobRecord(DigestOf(text), text.Length, KeyOf(DigestOf(text)));
        await One.Blobs.AddAsync(Name(repository), blob);
        return blob;
    }

    private async Task<Digest> PushAsync(NewManifest manifest, params string[] tags)
    {
        Assert.IsType<PutOutcome.Stored>(await One.Manifests.PutAsync(App, manifest, tags, default, "alice"));
        return manifest.Manifest.Digest;
    }

    private static async Task<Digest?> TargetAsync(IRegistryState state, string tag) =>
        (await state.Manifests.FindAsync(App, At(tag)))?.Digest;
}
