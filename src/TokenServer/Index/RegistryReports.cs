using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Index;

/// <summary>Checks the content of a well-formed report before it is applied to the catalog.</summary>
internal static class RegistryReports
{
    /// <summary>What is wrong with the report; null when nothing is.</summary>
    public static string? Problem(this EventReport report)
    {
        if (report.Pulled.Any(p => p is null)) return "pulled: an entry is null";
        for (var i = 0; i < report.Events.Count; i++)
        {
            if (report.Events[i] is null) return $"events[{i}] is null";
            if (report.Events[i].Sequence != report.After.Sequence + 1 + i) return $"events[{i}]: its sequence number does not follow";
            if (report.Events[i].Problem() is { } problem) return $"events[{i}]: {problem}";
        }

        return null;
    }

    /// <summary>What is wrong with the page; null when nothing is.</summary>
    public static string? Problem(this SnapshotReport report)
    {
        for (var i = 0; i < report.Events.Count; i++)
        {
            if (report.Events[i] is null) return $"events[{i}] is null";
            if (report.Events[i].Problem() is { } problem) return $"events[{i}]: {problem}";
        }

        return null;
    }

    /// <summary>The id of the event with a number, or of the one before the first; null when the report does not include it.</summary>
    public static string? IdAt(this EventReport report, long sequence) => sequence == report.After.Sequence ? report.After.Id
        : sequence > report.After.Sequence && sequence - report.After.Sequence <= report.Events.Count
        ? report.Events[(int)(sequence - report.After.Sequence - 1)].Id
        : null;

    private static string? Problem(this RegistryEvent change) => change.Kind switch
    {
        _ when !RepositoryName.TryParse(change.Repository, out _) => "its repository is not a repository name",
        EventKind.ManifestPushed => change.Digest is null || change.MediaType is null || change.Size is null
            ? "a pushed manifest must have a digest, a media type and a size"
            : null,
        EventKind.ManifestDeleted => change.Digest is null ? "a deleted manifest must have a digest" : null,
        EventKind.TagMoved => change.Tag is null || change.Digest is null ? "a moved tag must have a name and a digest" : null,
        EventKind.TagDeleted => change.Tag is null ? "a deleted tag must have a name" : null,
        _ => null,
    };
}
