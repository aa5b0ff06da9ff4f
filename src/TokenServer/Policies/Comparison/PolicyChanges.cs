namespace AuthIndex.TokenServer.Policies.Comparison;

/// <summary>The result of comparing two policies.</summary>
/// <param name="Grants">The changes, ordered by caller and pattern.</param>
/// <param name="Changed">How many rules are in one policy only.</param>
/// <param name="Sampled">Of how many of them only some cases were tried; what else they change is not among the changes.</param>
/// <param name="Work">How much was done of <see cref="PolicyComparison.MaxWork"/>.</param>
internal sealed record PolicyChanges(IReadOnlyList<GrantChange> Grants, int Changed, int Sampled, long Work);
