using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Comparison;

/// <summary>What one caller gets on one resource before and after an edit of the policy.</summary>
/// <param name="Who">The caller: an account, a directory's group, or a word for everybody else.</param>
/// <param name="Pattern">The pattern that the resource was made of.</param>
/// <param name="Resource">The resource that was tried.</param>
/// <param name="Gained">The actions that are granted after and not before.</param>
/// <param name="Lost">The actions that are granted before and not after.</param>
/// <param name="Circumstances">Under which circumstances only, in words; "" when they do not matter.</param>
internal sealed record GrantChange(string Who, string Pattern, string Resource, ActionSet Gained, ActionSet Lost, string Circumstances);
