using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Audit;

/// <summary>An entry and its position.</summary>
internal sealed record AuditFinding(AuditEntry Entry, string File, long Line);

/// <summary>Reads audit logs, streaming. Unreadable lines are reported and skipped: one torn line must not hide all others.</summary>
/// <param name="warn">Receives each line or rest of a file that cannot be read.</param>
internal sealed class AuditReader(Action<AuditProblem> warn)
{
    /// <summary>The newest entry of a decision; null when no file contains it.</summary>
    /// <param name="files">The files, newest first.</param>
    /// <param name="decision">The id; letter case and letters that look like digits are ignored.</param>
    /// <param name="cancellation">Stops the search.</param>
    public AuditFinding? Find(IEnumerable<string> files, string decision, CancellationToken cancellation)
    {
        var wanted = AuditQuery.Canonical(decision);
        return files.Select(file => Read(file, cancellation).LastOrDefault(f => AuditQuery.Canonical(f.Entry.Decision) == wanted))
            .FirstOrDefault(f => f is not null);
    }

    /// <summary>The newest entry of an account's; null when no file contains one.</summary>
    /// <param name="files">The files, newest first.</param>
    /// <param name="account">The account.</param>
    /// <param name="refusedOnly">Whether to consider only full or partial refusals and failed sign-ins.</param>
    /// <param name="cancellation">Stops the search.</param>
    public AuditFinding? FindLast(IEnumerable<string> files, string account, bool refusedOnly, CancellationToken cancellation) =>
        files.Select(
            file => Read(file, cancellation)
            .LastOrDefault(f => f.Entry.Account == account && !(refusedOnly && f.Entry.Outcome == AuditOutcome.Granted)))
            .FirstOrDefault(f => f is not null);

    /// <summary>The decisions of one file, in its order; administrative acts are not among them.</summary>
    public IEnumerable<AuditFinding> Read(string file, CancellationToken cancellation)
    {
        foreach (var (number, text) in AuditSearch.Lines(file, warn, cancellation))
        {
            if (AdministrativeAct.IsOne(text.Span)) continue;
            if (AuditEntry.Parse(text, out var entry) is { } problem)
            {
                warn(new AuditProblem(file, number, $"the line is skipped: {problem}"));
            }
            else if (entry is not null) yield return new AuditFinding(entry, file, number);
        }
    }
}
