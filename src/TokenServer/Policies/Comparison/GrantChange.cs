using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Comparison;

/// <summary>The change in one caller's access to one resource between two policies.</summary>
/// <param name="Who">The caller: an account, a directory group, or a description of everyone else.</param>
/// <param name="Pattern">The pattern that the resource was made of.</param>
/// <param name="Resource">The resource that was tried.</param>
/// <param name="Gained">The actions that are granted after and not before.</param>
/// <param name="Lost">The actions that are granted before and not after.</param>
/// <param name="Circumstances">The conditions under which it applies, as text; "" when unconditional.</param>
internal sealed record GrantChange(string Who, string Pattern, string Resource, ActionSet Gained, ActionSet Lost, string Circumstances);
