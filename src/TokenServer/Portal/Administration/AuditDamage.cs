using System.Globalization;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>Counts what cannot be read in the audit log, for a page or file that is made from it.</summary>
internal sealed class AuditDamage
{
    private AuditProblem? first;

    /// <summary>How many lines and files could not be read.</summary>
    public long Count { get; private set; }

    /// <summary>What people are told; null when everything could be read.</summary>
    public string? Text => first is null
        ? null
        : string.Create(
            CultureInfo.InvariantCulture, $"{Count} {(Count == 1 ? "line" : "lines")} of the audit log cannot be read; the first: ")
            + $"{new AuditProblem(Path.GetFileName(first.File), first.Line, first.Message)}";

    /// <summary>One more.</summary>
    public void Add(AuditProblem problem)
    {
        first ??= problem;
        Count++;
    }
}
