using System.Text.Json;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Import;

/// <summary>The import of one repository: images first, then the indexes of what is there, in rounds, and the tags at last.</summary>
internal sealed class RepositoryImport(
    DistributionStorage source,
    RepositoryName repository,
    IncomingBlobs blobs,
    IManifestStore manifests,
    ITagStore tags,
    LimitOptions limits,
    ImportReport report)
{
    private readonly HashSet<Digest> noted = []; // blobs that cannot be taken
    private readonly HashSet<Digest> taken = []; // by a dry run, which leaves nothing that would tell

    /// <summary>Imports the repository.</summary>
    /// <param name="tell">Called after every manifest.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    public async Task RunAsync(Func<ValueTask> tell, CancellationToken cancellationToken)
    {
        var waiting = new Dictionary<Digest, IReadOnlyList<Digest>>();
        foreach (var (digest, problem) in source.Revisions(repository))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (problem is not null) report.Problems.Add(problem);
            else if (await manifests.HoldsAsync(repository, digest)) await TakeMissingLayersAsync(digest, cancellationToken);
            else if (Read(digest) is { } manifest)
            {
                // Its bytes are read again when its turn has come: there may be many.
                if (manifest.Children.Count > 0) waiting.Add(digest, manifest.Children);
                else await TakeAsync(manifest, cancellationToken);
            }

            await tell();
        }

        await TakeIndexesAsync(waiting, tell, cancellationToken);
        foreach (var (tag, digest, problem) in source.Tags(repository))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (problem is not null) report.Problems.Add(problem);
            else await TakeTagAsync(tag, digest);
        }
    }

    private async Task TakeIndexesAsync(
        Dictionary<Digest, IReadOnlyList<Digest>> waiting, Func<ValueTask> tell, CancellationToken cancellationToken)
    {
        // Ends, since no manifest can hold its own digest, nor that of one that holds it.
        while (waiting.Where(w => !w.Value.Any(waiting.ContainsKey)).Select(w => w.Key).ToList() is { Count: > 0 } ready)
        {
            foreach (var digest in ready)
            {
                cancellationToken.ThrowIfCancellationRequested();
                waiting.Remove(digest);
                if (Read(digest) is { } manifest) await TakeAsync(manifest, cancellationToken);
                await tell();
            }
        }
    }

    /// <summary>Of a manifest that is here already: an earlier import may have left the layers behind that it does not require.</summary>
    private async Task TakeMissingLayersAsync(Digest digest, CancellationToken cancellationToken)
    {
        report.ManifestsBefore++;
        if (!Reference.TryParse(digest.Value, out var reference)) return;
        if (await manifests.FindAsync(repository, reference) is not { } stored) return;
        if (!ManifestContent.TryRead(digest, stored.Bytes, stored.MediaType, limits.ManifestReferences, out var manifest, out _)) return;
        foreach (var layer in manifest.ForeignLayers) await TakeForeignLayerAsync(layer, cancellationToken);
    }

    private NewManifest? Read(Digest digest)
    {
        try
        {
            var bytes = source.ReadManifest(digest, limits.ManifestSize.Bytes);
            if (ManifestContent.TryRead(digest, bytes, DefaultType(bytes), limits.ManifestReferences, out var manifest, out var error))
            {
                return manifest;
            }

            Note(digest.Value, error.Message);
            return null;
        }
        catch (UnusableException e)
        {
            Note(digest.Value, e.Message);
            return null;
        }
    }

    /// <summary>
    /// The type of a manifest that does not name it itself, as OCI's need not: distribution keeps no Content-Type, and tells them
    /// apart by what they list. Null when the manifest says it, or is for its reader to refuse.
    /// </summary>
    /// <exception cref="UnusableException">It is of schema 1.</exception>
    private static string? DefaultType(byte[] bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return null;
            if (root.TryGetProperty("schemaVersion", out var version) && version.ValueKind == JsonValueKind.Number
                && version.TryGetInt32(out var one) && one == 1)
            {
                throw new UnusableException(
                    "it is a schema 1 image, which clients no longer accept: pull it with an old client and push it with a new one");
            }

            if (root.TryGetProperty("mediaType", out var type) && type.ValueKind == JsonValueKind.String
                && type.GetString() is { Length: > 0 })
            {
                return null;
            }

            return root.TryGetProperty("manifests", out _) ? MediaTypes.OciIndex : MediaTypes.OciManifest;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task TakeAsync(NewManifest manifest, CancellationToken cancellationToken)
    {
        var digest = manifest.Manifest.Digest;
        var missing = new List<Digest>();
        foreach (var blob in manifest.Blobs)
        {
            if (!await TakeBlobAsync(blob, cancellationToken)) missing.Add(blob);
        }

        foreach (var layer in manifest.ForeignLayers) await TakeForeignLayerAsync(layer, cancellationToken);

        foreach (var child in manifest.Children)
        {
            if (!taken.Contains(child) && !await manifests.HoldsAsync(repository, child) && !await TakeBlobAsync(child, cancellationToken))
            {
                missing.Add(child);
            }
        }

        if (missing.Count == 0 && !report.DryRun)
        {
            switch (await manifests.PutAsync(repository, manifest, [], default, DistributionImport.Account))
            {
                case PutOutcome.Missing gone:
                    missing.AddRange(gone.Digests);
                    break;
                case PutOutcome.OtherType { Existing: var type }:
                    Note(digest.Value, $"it is already here as {type}");
                    return;
            }
        }

        if (missing.Count > 0)
        {
            Note(
                digest.Value,
                $"it needs {string.Join(" and ", missing.Take(3))}{(missing.Count > 3 ? $" and {missing.Count - 3} more" : "")}");
            return;
        }

        taken.Add(digest);
        report.Manifests++;
    }

    private async Task<bool> TakeBlobAsync(Digest blob, CancellationToken cancellationToken)
    {
        if (await blobs.TakeAsync(repository, blob, cancellationToken) is not { } reason) return true;
        if (noted.Add(blob)) Note(blob.Value, reason);
        return false;
    }

    /// <summary>
    /// A layer that stays with its vendor comes along where the other registry has it, and is no condition for the manifest.
    /// </summary>
    private async Task TakeForeignLayerAsync(Digest layer, CancellationToken cancellationToken)
    {
        try
        {
            if (source.HasBlob(repository, layer)) await TakeBlobAsync(layer, cancellationToken);
            else report.ForeignLayers++;
        }
        catch (UnusableException e)
        {
            if (noted.Add(layer)) Note(layer.Value, e.Message);
        }
    }

    private async Task TakeTagAsync(string tag, Digest digest)
    {
        var outcome = report.DryRun
            ? await ForeseeAsync(tag, digest)
            : await tags.ImportAsync(repository, tag, digest, DistributionImport.Account);
        switch (outcome)
        {
            case TagImportOutcome.Set:
                report.Tags++;
                break;
            case TagImportOutcome.Kept:
                report.Kept.Add($"{repository}:{tag}");
                break;
            case TagImportOutcome.NoManifest:
                Note(
                    $"tag {tag}",
                    $"it points at {digest}, which {(IsThere(digest) ? "was not imported" : "the repository does not contain")}");
                break;
        }
    }

    private async ValueTask<TagImportOutcome> ForeseeAsync(string tag, Digest digest)
    {
        if (!taken.Contains(digest) && !await manifests.HoldsAsync(repository, digest)) return TagImportOutcome.NoManifest;
        if (Reference.TryParse(tag, out var reference) && (await manifests.FindAsync(repository, reference))?.Digest == digest)
        {
            return TagImportOutcome.Unchanged;
        }

        return (await tags.HistoryAsync(repository, tag)).IsMovedByOthers(DistributionImport.Account)
            ? TagImportOutcome.Kept
            : TagImportOutcome.Set;
    }

    private bool IsThere(Digest digest)
    {
        try
        {
            return source.HasRevision(repository, digest);
        }
        catch (UnusableException)
        {
            return true; // its own problem has told
        }
    }

    private void Note(string what, string reason) => report.Problems.Add(new ImportProblem(repository.Value, what, reason));
}
