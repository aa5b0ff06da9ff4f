using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// Holds the policy in force and exchanges it, whole, for a newer one. An invalid edit changes nothing: the last valid policy stays in
/// force, and the store is degraded until the next valid edit.
/// </summary>
internal sealed partial class PolicyStore
{
    private readonly PolicyDirectory directory;
    private readonly TimeProvider time;
    private readonly ILogger<PolicyStore> logger;
    private readonly Lock reloading = new();
    private volatile State state;
    private long refusals;

    private PolicyStore(
        string path, bool isCandidate, PolicyDirectory directory, State first, TimeProvider time, ILogger<PolicyStore> logger)
    {
        Path = path;
        IsCandidate = isCandidate;
        this.directory = directory;
        this.time = time;
        this.logger = logger;
        state = first;
    }

    /// <summary>The directory of the policy files.</summary>
    public string Path { get; }

    /// <summary>Whether the policy is only compared with the one in force, and decides nothing; the log must not say otherwise.</summary>
    public bool IsCandidate { get; }

    /// <summary>The last valid policy. Read it once per request.</summary>
    public Policy Current => state.Policy;

    /// <summary>What was found when files were last read: warnings, and errors when the store is degraded.</summary>
    public IReadOnlyList<SourceProblem> LastProblems => state.Problems;

    /// <summary>When <see cref="Current"/> came into force.</summary>
    public DateTimeOffset LoadedAt => state.LoadedAt;

    /// <summary>Why the files on disk are not in force; null when they are.</summary>
    public string? Degraded => state.Degraded;

    /// <summary>How many edits were invalid or could not be read.</summary>
    public long Refusals => Interlocked.Read(ref refusals);

    /// <summary>Loads the policy files in a directory and puts them in force.</summary>
    /// <exception cref="PolicyException">Its files are not a valid policy.</exception>
    public static PolicyStore Open(string path, TimeProvider time, ILogger<PolicyStore> logger, bool isCandidate = false)
    {
        var files = new PolicyDirectory(path);
        var now = time.GetUtcNow();
        var compiled = PolicyCompiler.Compile(files, now);
        if (compiled.Policy is not { } policy) throw new PolicyException(compiled.Problems);

        var store = new PolicyStore(
            path, isCandidate, files, new State(policy, now, policy.Revision, compiled.Problems, null), time, logger);
        store.LogLoaded(policy);
        store.LogWarnings(compiled.Problems);
        return store;
    }

    /// <summary>Whether the files differ from what was last read, or cannot be read now.</summary>
    /// <param name="seen">The state of the files now.</param>
    public bool HasChanged(out PolicyFilesState seen)
    {
        seen = directory.Refresh();
        return seen.Revision is null || seen.Revision != state.Tried;
    }

    /// <summary>Reads the files and puts them in force if they are valid. Returns whether the files on disk are now in force.</summary>
    public bool Reload()
    {
        lock (reloading)
        {
            var problems = new List<SourceProblem>();
            return TakeOver(directory.Read(problems), problems);
        }
    }

    /// <summary>Does as <see cref="Reload"/> if the files are still as they were seen; does nothing otherwise.</summary>
    /// <returns>Whether the files were still the same, whatever came of them.</returns>
    public bool ReloadUnchanged(PolicyFilesState seen)
    {
        lock (reloading)
        {
            var problems = new List<SourceProblem>();
            var read = directory.Read(problems);

            // Looked at after reading, so that the content in hand is known to have been there all the while.
            if (directory.Refresh() != seen || (read is { } now && now.Revision != seen.Revision)) return false;
            TakeOver(read, problems);
            return true;
        }
    }

    private bool TakeOver((string Revision, IReadOnlyList<PolicyFile> Files)? found, List<SourceProblem> problems)
    {
        if (found is not { } read) return Refuse(tried: null, problems);
        if (read.Revision == state.Policy.Revision) return Keep();

        var now = time.GetUtcNow();
        var compiled = PolicyCompiler.Compile(read.Revision, read.Files, now);
        problems.AddRange(compiled.Problems);
        if (compiled.Policy is not { } policy) return Refuse(read.Revision, problems);

        state = new State(policy, now, policy.Revision, problems, null);
        LogLoaded(policy);
        LogWarnings(problems);
        return true;
    }

    // The files hold again what is in force.
    private bool Keep()
    {
        if (state.Degraded is null) return true;
        state = state with { Tried = state.Policy.Revision, Problems = [], Degraded = null };
        LogHealed(Path, state.Policy.Revision);
        return true;
    }

    private bool Refuse(string? tried, List<SourceProblem> problems)
    {
        var errors = problems.FindAll(p => !p.IsWarning);
        var reason = errors.Count == 1 ? errors[0].ToString() : $"{errors[0]} (and {errors.Count - 1} more)";
        // Once for each reason, however often a look finds it unchanged.
        if (state.Degraded != reason || state.Tried != tried)
        {
            Interlocked.Increment(ref refusals);
            LogRefused(Path, state.Policy.Revision, reason);
        }

        state = state with { Tried = tried, Problems = problems, Degraded = reason };
        return false;
    }

    private void LogLoaded(Policy policy)
    {
        if (IsCandidate) LogCandidate(policy.Revision, policy.Rules.Count, policy.Tests.Count, Path);
        else LogInForce(policy.Revision, policy.Rules.Count, policy.Tests.Count, Path);
    }

    private void LogWarnings(IReadOnlyList<SourceProblem> problems)
    {
        foreach (var problem in problems.Where(p => p.IsWarning).Take(20)) LogWarning(problem.ToString());
    }

    [LoggerMessage(
        EventId = LogEvents.PolicyLoaded, EventName = nameof(LogEvents.PolicyLoaded), Level = LogLevel.Information,
        Message = "Policy {Revision} is in force: {Rules} rules, {Tests} tests, from {Path}")]
    private partial void LogInForce(string revision, int rules, int tests, string path);

    [LoggerMessage(
        EventId = LogEvents.ShadowPolicyLoaded, EventName = nameof(LogEvents.ShadowPolicyLoaded), Level = LogLevel.Information,
        Message =
            "Candidate policy {Revision} is compared with the policy in force and decides nothing: {Rules} rules, {Tests} tests, from "
            + "{Path}")]
    private partial void LogCandidate(string revision, int rules, int tests, string path);

    [LoggerMessage(
        EventId = LogEvents.PolicyWarning, EventName = nameof(LogEvents.PolicyWarning), Level = LogLevel.Warning,
        Message = "Policy: {Problem}")]
    private partial void LogWarning(string problem);

    [LoggerMessage(
        EventId = LogEvents.PolicyInvalid, EventName = nameof(LogEvents.PolicyInvalid), Level = LogLevel.Error,
        Message = "The policy files in {Path} are invalid; policy {Revision} stays in use: {Reason}")]
    private partial void LogRefused(string path, string revision, string reason);

    [LoggerMessage(
        EventId = LogEvents.PolicyValidAgain, EventName = nameof(LogEvents.PolicyValidAgain), Level = LogLevel.Information,
        Message = "The policy files in {Path} are valid again: policy {Revision}, which stayed in use")]
    private partial void LogHealed(string path, string revision);

    /// <param name="Policy">The policy in force.</param>
    /// <param name="LoadedAt">Since when.</param>
    /// <param name="Tried">The revision of the files last read, valid or not; null when they could not be read.</param>
    /// <param name="Problems">What was found in them.</param>
    /// <param name="Degraded">Why they are not in force.</param>
    private sealed record State(
        Policy Policy, DateTimeOffset LoadedAt, string? Tried, IReadOnlyList<SourceProblem> Problems, string? Degraded);
}
