using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Index;

/// <summary>What the catalog has of one registry, and how far in that registry's history it is.</summary>
/// <param name="Id">The row.</param>
/// <param name="Sequence">The number of the last event that it contains.</param>
/// <param name="EventId">The id of that event.</param>
internal sealed record CatalogCopy(long Id, long Sequence, string EventId)
{
    /// <summary>Why a report cannot be applied; null when it can.</summary>
    public ReportOutcome.OutOfStep? Mismatch(EventReport report)
    {
        if (report.IdAt(Sequence) is not { } id)
        {
            return new ReportOutcome.OutOfStep(
                $"the catalog is at event {Sequence}, the report covers {report.After.Sequence} to {report.End.Sequence}");
        }

        return id == EventId
            ? null
            : new ReportOutcome.OutOfStep($"event {Sequence} is a different one in the catalog: the registry was restored or recreated");
    }

    /// <summary>The events of a report that are not applied yet.</summary>
    public IEnumerable<RegistryEvent> NewIn(EventReport report) => report.Events.Skip((int)(Sequence - report.After.Sequence));
}
