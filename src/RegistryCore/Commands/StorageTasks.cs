using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Import;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>Does the operator's tasks on the stores.</summary>
internal sealed class StorageTasks(
    GarbageCollector collector,
    Scrubber scrubber,
    Verifier verifier,
    IManifestStore manifests,
    ITagStore tags,
    DistributionImport import,
    Func<UpstreamReport> upstreams,
    Evictor evictor,
    Backup? backup = null)
{
    /// <summary>Runs a task to its end.</summary>
    /// <param name="task">What.</param>
    /// <param name="tell">Takes lines of progress of what lasts long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperatorException">It cannot be done; the message says why.</exception>
    public Task<TaskReport> RunAsync(StorageTask task, Func<string, ValueTask> tell, CancellationToken cancellationToken) => task switch
    {
        StorageTask.Gc gc => CollectAsync(gc, cancellationToken),
        StorageTask.Scrub => ScrubAsync(cancellationToken),
        StorageTask.Verify verify => VerifyAsync(verify, cancellationToken),
        StorageTask.Backup renewal => BackUpAsync(renewal, cancellationToken),
        StorageTask.TagsHistory history => HistoryAsync(history),
        StorageTask.TagsRollback rollback => RollBackAsync(rollback),
        StorageTask.Import { Request: var request } => ImportAsync(request, tell, cancellationToken),
        StorageTask.Upstreams report => UpstreamsAsync(report, cancellationToken),
        _ => throw new InvalidOperationException($"No such task: {task}."),
    };

    private async Task<TaskReport> CollectAsync(StorageTask.Gc task, CancellationToken cancellationToken)
    {
        var report = await collector.RunAsync(task.DryRun, cancellationToken, task.Leftovers);
        var text = $"""
            {(report.DryRun ? "would remove" : "removed")}
              {report.Manifests} manifests
              {report.Links} blobs from repositories
              {report.Blobs} blobs that no repository references: {new ByteSize(report.BlobBytes)}
              {report.Leftovers} files left by crashes: {new ByteSize(report.LeftoverBytes)}
            """;
        if (report.Evicted > 0)
        {
            text += $"\n  {report.Evicted} manifests of upstreams, evicted, that alone need {new ByteSize(report.EvictedBytes)}";
        }

        if (report.Undeleted > 0)
        {
            var refused = $"the object store refuses to delete {report.Undeleted} objects: see the log; they are tried again later";
            return TaskReport.Of(false, $"{text}\n{refused}", report);
        }

        if (report.Unexplained == 0) return TaskReport.Of(true, text, report);
        var kept =
            $"kept {report.Unexplained} files that the database does not list, more than crashes leave: is the database an older copy? "
            + "Restore the latest backup, or remove them with --leftovers";
        return TaskReport.Of(false, $"{text}\n{kept}", report);
    }

    private async Task<TaskReport> ScrubAsync(CancellationToken cancellationToken)
    {
        var report = await scrubber.RunAsync(long.MaxValue, withManifests: true, bytesPerSecond: null, cancellationToken);
        var unmet = await manifests.UnmetNeedsAsync();
        var text = $"checked {report.Blobs} blobs ({new ByteSize(report.Bytes)}) and {report.Manifests} manifests: {report.Damaged.Count} "
            + $"damaged or missing, {report.Healed} repaired, {unmet.Count} references to deleted content{Unread(report.Unread)}";
        return TaskReport.Of(
            report.Damaged.Count + report.Unread.Count + unmet.Count == 0,
            WithList(text, [.. report.Damaged, .. report.Unread.Select(d => $"not read: {d}"), .. unmet]),
            report with { Unmet = unmet });
    }

    private async Task<TaskReport> VerifyAsync(StorageTask.Verify task, CancellationToken cancellationToken)
    {
        var report = await verifier.RunAsync(task.Digests, cancellationToken);
        var text = $"compared {report.Blobs} blobs with {report.Objects} stored: {report.Missing.Count} missing, "
            + $"{report.WrongSize.Count} of the wrong size, {(task.Digests ? $"{report.Damaged.Count} damaged, " : "")}"
            + $"{report.Unnamed} not in the database ({new ByteSize(report.UnnamedBytes)}){Unread(report.Unread)}";
        List<string> lines =
        [
            .. report.Missing.Select(d => $"missing: {d}"),
            .. report.WrongSize.Select(d => $"wrong size: {d}"),
            .. report.Damaged.Select(d => $"damaged: {d}"),
            .. report.Unread.Select(d => $"not read: {d}"),
            .. report.UnnamedKeys.Select(k => $"not in the database: {k}"),
        ];
        return TaskReport.Of(report.Agrees, WithList(text, lines), report);
    }

    private async Task<TaskReport> BackUpAsync(StorageTask.Backup task, CancellationToken cancellationToken)
    {
        if (backup is null)
        {
            throw new OperatorException(
                "this registry keeps its rows in PostgreSQL and its blobs in an object store: back up the database first and then the "
                + "store, each by its own means, with no garbage collection in between (docs/replicas.md)");
        }

        var report = await backup.RunAsync(task.Directory, cancellationToken);
        var text = $"the backup {task.Directory} contains {report.Blobs} blobs, {report.Copied} of them new; {report.Missing.Count} are "
            + "missing from the registry or damaged in it";
        return TaskReport.Of(report.Missing.Count == 0, WithList(text, report.Missing), report);
    }

    private async Task<TaskReport> ImportAsync(ImportRequest request, Func<string, ValueTask> tell, CancellationToken cancellationToken)
    {
        var report = await import.RunAsync(request, tell, cancellationToken);
        var lines = new List<string>
        {
            $"{(report.DryRun ? "would import" : "imported")} from {report.Repositories} repositories {report.Manifests} manifests, "
                + $"{report.Blobs} blobs ({new ByteSize(report.BlobBytes)}, {report.Linked} shared with the other registry) and "
                + $"{report.Tags} tags",
            $"  {report.ManifestsBefore} manifests were already here",
        };
        if (report.ForeignLayers > 0)
        {
            lines.Add($"  {report.ForeignLayers} non-distributable layers are not stored there either: clients fetch them from the vendor");
        }

        lines.AddRange(report.Kept.Select(tag => $"  kept {tag}: it was moved or deleted here since the last import"));
        if (report.Problems.Count > 0) lines.Add($"not imported ({report.Problems.Count}):");
        lines.AddRange(report.Problems.Select(p => $"  {p.Repository}: {p.What}: {p.Reason}"));
        return TaskReport.Of(report.Problems.Count == 0, string.Join('\n', lines), report);
    }

    private async Task<TaskReport> UpstreamsAsync(StorageTask.Upstreams task, CancellationToken cancellationToken)
    {
        if (task.Remove is { } prefix)
        {
            var count = await evictor.RemoveFormerAsync(prefix, task.By, cancellationToken);
            return TaskReport.Of(
                true,
                $"removed {count} manifests of the former upstream {prefix}; garbage collection removes the blobs that nothing else needs",
                new { Removed = count });
        }

        var report = await upstreams().MakeAsync(cancellationToken);
        return TaskReport.Of(true, report.Count == 0 ? "no upstreams are configured" : UpstreamReport.ToText(report), report);
    }

    private static string Unread(IReadOnlyList<string> digests) =>
        digests.Count == 0 ? "" : $"; {digests.Count} could not be read although the object store answers: try again later";

    private static string WithList(string text, IReadOnlyList<string> digests) => string.Join("\n  ", digests.Prepend(text));

    private async Task<TaskReport> HistoryAsync(StorageTask.TagsHistory task)
    {
        var moves = await tags.HistoryAsync(ParseRepository(task.Repository), ParseTag(task.Tag));
        var lines = moves.Select(m => $"{DateTimeOffset.FromUnixTimeSeconds(m.At):yyyy-MM-dd HH:mm:ss}Z  "
            + $"{m.NewDigest ?? "deleted"}{(m.NewDigest is null || m.IsPresent ? "" : " (gone)")}  by "
            + $"{(m.By.Length > 0 ? m.By : "anonymous")}");
        return TaskReport.Of(true, moves.Count == 0 ? "the tag has never been set" : string.Join('\n', lines), moves);
    }

    private async Task<TaskReport> RollBackAsync(StorageTask.TagsRollback task)
    {
        Digest? target = null;
        if (task.Digest is not null)
        {
            target = Digest.TryParse(task.Digest, out var digest)
                ? digest
                : throw new OperatorException($"'{task.Digest}' is not a digest");
        }

        return await tags.RollBackAsync(ParseRepository(task.Repository), ParseTag(task.Tag), target, task.By) switch
        {
            RollbackOutcome.Moved moved =>
                TaskReport.Of(true, $"{task.Repository}:{task.Tag} is {moved.To}, it was {moved.From ?? "deleted"}", moved),
            RollbackOutcome.ManifestGone gone =>
                throw new OperatorException(
                    $"the manifest {gone.Digest} has been deleted from {task.Repository} or is damaged: push it again"),
            _ =>
                throw new OperatorException(
                    $"the tag {task.Tag} of {task.Repository} "
                        + $"{(task.Digest is null ? "has no earlier target" : $"never pointed at {task.Digest}")}"),
        };
    }

    private static RepositoryName ParseRepository(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new OperatorException($"'{text}' is not a repository name");

    private static string ParseTag(string text) => Reference.IsTag(text) ? text : throw new OperatorException($"'{text}' is not a tag");
}
