using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>What a rule does with the actions it names.</summary>
internal enum Effect
{
    Allow,
    Deny,
}

/// <summary>One rule: to whom, what, on which resources, when.</summary>
/// <param name="Id">Its name, unique among all files.</param>
/// <param name="At">Where it is defined.</param>
/// <param name="To">The subjects it is about.</param>
/// <param name="Except">Subjects that are excluded although they are among <paramref name="To"/>.</param>
/// <param name="Effect">Whether it allows or denies.</param>
/// <param name="Actions">The actions it allows or denies.</param>
/// <param name="On">The resources.</param>
/// <param name="When">What else must hold.</param>
internal sealed record Rule(
    string Id,
    SourcePosition At,
    IReadOnlyList<Subject> To,
    IReadOnlyList<Subject> Except,
    Effect Effect,
    ActionSet Actions,
    IReadOnlyList<ResourcePattern> On,
    Conditions When)
{
    /// <summary>Whether the rule says anything about this caller doing any of this.</summary>
    public bool AppliesTo(CallerSubjects caller, RequestConditions circumstances, Scope scope) =>
        caller.IsAmong(To) && IsOn(caller, scope) && AppliesTo(caller, circumstances, scope.Actions);

    /// <summary>Whether one of the rule's patterns matches the resource.</summary>
    public bool IsOn(CallerSubjects caller, Scope scope)
    {
        foreach (var pattern in On)
        {
            if (pattern.Type == scope.Type && pattern.Matches(scope.Name, caller)) return true;
        }

        return false;
    }

    /// <summary>
    /// The rest of <see cref="AppliesTo(CallerSubjects, RequestConditions, Scope)"/> when subject and resource are known to match.
    /// </summary>
    public bool AppliesTo(CallerSubjects caller, RequestConditions circumstances, ActionSet requested) =>
        !Actions.Intersect(requested).IsEmpty && !IsExcepted(caller) && When.AreMet(circumstances, Effect);

    /// <summary>Whether the rule may deny something on the resource to a caller whose groups are not all known, by one of these.</summary>
    public bool MayDenyByGroup(CallerSubjects caller, Scope scope) =>
        Effect == Effect.Deny && caller.MayBeAmong(To)
        && On.Any(p => p.Type == scope.Type && (p.Matches(scope.Name, caller) || (p.NamesGroup && p.MayMatch(scope.Name))));

    /// <summary>
    /// Whether the rule denies any of this from a time on that is yet to come, when subject and resource are known to match.
    /// </summary>
    public bool WillDeny(CallerSubjects caller, RequestConditions circumstances, ActionSet requested) =>
        Effect == Effect.Deny && When.From > circumstances.Now
        && (this with { When = When with { From = null } }).AppliesTo(caller, circumstances, requested);

    // What is not known of a caller never allows anything.
    private bool IsExcepted(CallerSubjects caller) => Effect == Effect.Allow ? caller.MayBeAmong(Except) : caller.IsAmong(Except);

    /// <summary><c>rule 'id' (file:line)</c>.</summary>
    public override string ToString() => $"rule '{Id}' ({At.File}:{At.Line})";
}
