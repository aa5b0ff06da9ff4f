using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>
/// An account for a machine, declared in the policy files. It has no password: it signs in by the access tokens that administrators
/// make for it.
/// </summary>
/// <param name="Name">Its name; as an account it is <c>robot:NAME</c>.</param>
/// <param name="Description">What it is for; "" when nobody said.</param>
/// <param name="Until">The first instant at which it signs in no more; null when it never ends.</param>
/// <param name="At">Where it is declared.</param>
internal sealed record Robot(string Name, string Description, DateTimeOffset? Until, SourcePosition At)
{
    private const string Prefix = "robot:";

    /// <summary>The account's name.</summary>
    public string Account => Prefix + Name;

    /// <summary>The robot's name in an account's; null when the account is no robot's.</summary>
    public static string? NameIn(string account) => Subject.IsRobot(account) ? account[Prefix.Length..] : null;
}
