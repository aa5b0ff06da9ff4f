using System.Text;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Comparison;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Replay;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// <c>/admin/policy/candidate</c>: what a policy file that is pasted would change, at the boundaries of its rules and in recorded
/// decisions, as <c>policy diff</c> tells. Nothing is written. One comparison runs at a time, with bounded work.
/// </summary>
internal sealed class CandidateEndpoint(PolicyStore policies, string auditLog, PageRenderer pages, TimeProvider time) : IDisposable
{
    /// <summary>Where it is.</summary>
    public const string Path = PolicyPageEndpoint.Path + "/candidate";

    private const string Title = "Try a policy";
    private const int MaxShown = 200;
    private const int MaxDecisions = 200_000;

    private static readonly TimeSpan MostReplay = TimeSpan.FromSeconds(10);

    private readonly WorkTurns turns = new(1, 2, MostReplay * 3);

    /// <inheritdoc/>
    public void Dispose() => turns.Dispose();

    /// <summary>Shows the form, with a file that is there.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var files = Files();
        var name = request.Http.Query["file"].FirstOrDefault() ?? "";
        var content = files.FirstOrDefault(f => NameOf(f) == name) is { } file ? Encoding.UTF8.GetString(file.Content.Span) : "";
        return await RenderAsync(caller, new CandidateModel([.. files.Select(NameOf)], name, content, null, null));
    }

    /// <summary>Compares the policy in force with the one that a file would make.</summary>
    public async Task<Answer> CompareAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var (files, name, content) = (Files(), form["file"], form["content"]);
        var names = files.Select(NameOf).ToList();
        var others = name.Length == 0 ? [] : files.Where(f => NameOf(f) != name);
        var path = name.Length == 0 ? "candidate.yaml" : name;
        using var turn = await turns.TakeAsync(caller.Session.Account, request.Aborted);
        if (turn is null) return await pages.ProblemAsync(caller, ErrorAnswer.TooManyRequests(MostReplay));
        var compiled = PolicyCompiler.Compile(
            "candidate", [.. others, new PolicyFile(path, Encoding.UTF8.GetBytes(content))], time.GetUtcNow());
        if (compiled.Policy is not { } candidate)
        {
            var problems = compiled.Errors.Take(MaxShown).Select(Describe).ToList();
            return await RenderAsync(
                caller, new CandidateModel(names, name, content, problems, null), StatusCodes.Status422UnprocessableEntity);
        }

        var before = policies.Current;
        var compared = PolicyComparison.Compare(before, candidate);
        var damage = new AuditDamage();
        var (replay, isWhole) = Replay(new DecisionReplay(before, candidate, time.GetUtcNow()), damage, request.Aborted);
        var changes = replay.Changes;
        var result = new CandidateResult(
            candidate.Rules.Count, candidate.Tests.Count,
            [.. compiled.Problems.Where(p => p.IsWarning).Take(MaxShown).Select(Describe)],
            [.. compared.Grants.Take(MaxShown).Select(g => new GrantChangeRow(
                g.Who, g.Pattern == g.Resource ? g.Pattern : $"{g.Pattern} (tried with {g.Resource})", g.Circumstances,
                g.Gained.IsEmpty ? "" : g.Gained.ToString(), g.Lost.IsEmpty ? "" : g.Lost.ToString()))],
            compared.Grants.Count, compared.Sampled, replay.Decisions, replay.Changed, isWhole, damage.Text,
            [.. changes.Take(MaxShown).Select(c => new DecisionChangeRow(
                c.Account.Length == 0 ? "anonymous clients" : c.Account, c.Resource, c.Gained.IsEmpty ? "" : c.Gained.ToString(),
                c.Lost.IsEmpty ? "" : c.Lost.ToString(), c.Count, string.Join(", ", c.Samples.Select(s => s.Decision))))],
            changes.Count);
        return await RenderAsync(caller, new CandidateModel(names, name, content, null, result));
    }

    private static string NameOf(PolicyFile file) => System.IO.Path.GetFileName(file.Path);

    private static string Describe(SourceProblem problem) =>
        $"{System.IO.Path.GetFileName(problem.At.File)}:{problem.At.Line}: {problem.Message}";

    private IReadOnlyList<PolicyFile> Files() => new PolicyDirectory(policies.Path).Read([]) is { } read ? read.Files : [];

    private (DecisionReplay Replay, bool IsWhole) Replay(DecisionReplay replay, AuditDamage damage, CancellationToken aborted)
    {
        using var limit = new CancellationTokenSource(MostReplay, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        var reader = new AuditReader(damage.Add);
        try
        {
            var read = 0;
            foreach (var found in AuditFiles.Of(auditLog).SelectMany(file => reader.Read(file, either.Token)))
            {
                if (++read > MaxDecisions) return (replay, false);
                _ = replay.Add(found.Entry); // an entry that cannot be asked again is not among those counted
            }

            return (replay, true);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return (replay, false);
        }
    }

    private async Task<Answer> RenderAsync(SessionCaller caller, CandidateModel model, int status = StatusCodes.Status200OK) =>
        await pages.RenderAsync<CandidatePage>(caller, Title, model, status);
}
