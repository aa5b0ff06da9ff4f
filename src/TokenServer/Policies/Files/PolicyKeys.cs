namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>The keys of the policy language, mapping by mapping. The JSON schema for editors holds the same.</summary>
internal static class PolicyKeys
{
    public static readonly IReadOnlyList<string> Document = ["version", "groups", "roles", "robots", "rules", "tests"];
    public static readonly IReadOnlyList<string> Robot = ["description", "expires"];
    public static readonly IReadOnlyList<string> Rule = ["id", "to", "allow", "deny", "on", "except", "when"];
    public static readonly IReadOnlyList<string> When = ["ip", "service", "signedInBy", "from", "until", "timeZone"];
    public static readonly IReadOnlyList<string> Test = ["as", "groups", "from", "service", "signedInBy", "at", "can", "cannot", "on"];
}
