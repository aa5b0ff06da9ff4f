using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;

namespace AuthIndex.RegistryCore.Import;

/// <summary>
/// Takes over what a distribution registry has on its disk, beside running pushes and pulls: blobs, then the manifests that need
/// them, then tags, each as a push would, so that whatever is there after a crash is whole and the index hears of it. Run again,
/// it takes what is missing, and tags that have moved there since. The collector waits meanwhile: what is taken has no manifest
/// yet that needs it.
/// </summary>
internal sealed class DistributionImport(
    StorageDirectory directory,
    BlobStore blobs,
    IManifestStore manifests,
    ITagStore tags,
    FreeSpace space,
    MaintenanceLock maintenance,
    LimitOptions limits,
    TimeProvider clock)
{
    /// <summary>The account in whose name imports push, as the history of tags and the catalog show it.</summary>
    public const string Account = "imported";

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>Imports the repositories that the request names.</summary>
    /// <param name="request">What, and how.</param>
    /// <param name="tell">Takes a line of progress every few seconds.</param>
    /// <param name="cancellationToken">Ends it; what was taken stays.</param>
    /// <exception cref="OperatorException">There is nothing to import, or no way to.</exception>
    public async Task<ImportReport> RunAsync(ImportRequest request, Func<string, ValueTask> tell, CancellationToken cancellationToken)
    {
        var source = DistributionStorage.Open(request.Directory);
        var report = new ImportReport { DryRun = request.DryRun };
        var patterns = request.Repositories.Select(p => new RepositoryPattern(p)).ToList();
        var found = source.Repositories().Where(r => patterns.Count == 0 || patterns.Exists(p => p.Matches(r.Problem?.Repository
            ?? r.Name.Value))).ToList();
        if (found.Count == 0)
        {
            throw new OperatorException(patterns.Count == 0 ? $"{request.Directory} contains no repository" : $"{request.Directory} "
                + $"contains no repository that matches {string.Join(" or ", request.Repositories)}");
        }

        using var turn = request.DryRun ? null : await maintenance.EnterAsync(cancellationToken);
        using var incoming = new IncomingBlobs(source, directory, blobs, space, request, report);
        await tell($"{found.Count} repositories in {request.Directory}");
        var (told, done) = (clock.GetTimestamp(), 0);
        foreach (var (name, problem) in found)
        {
            if (problem is null)
            {
                report.Repositories++;
                await new RepositoryImport(source, name, incoming, manifests, tags, limits, report).RunAsync(TellAsync, cancellationToken);
            }
            else
            {
                report.Problems.Add(problem);
            }

            done++;

            async ValueTask TellAsync()
            {
                if (clock.GetElapsedTime(told) < Pause) return;
                told = clock.GetTimestamp();
                await tell(
                    $"{done} of {found.Count} repositories, now {name}: {report.Manifests} manifests, {report.Blobs} blobs, "
                        + $"{report.BlobBytes >> 20} MiB");
            }
        }

        return report;
    }
}
