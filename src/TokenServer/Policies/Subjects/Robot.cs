using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>
/// An account for a machine, declared in the policy files. It has no password: it signs in by the access tokens that administrators
/// make for it.
/// </summary>
/// <param name="Name">Its name; as an account it is <c>robot:NAME</c>.</param>
/// <param name="Description">What it is for; "" when not given.</param>
/// <param name="Until">The first instant at which it can no longer sign in; null when it never expires.</param>
/// <param name="At">Where it is declared.</param>
internal sealed record Robot(string Name, string Description, DateTimeOffset? Until, SourcePosition At)
{
    private const string Prefix = "robot:";

    /// <summary>The account: <c>robot:NAME</c>.</summary>
    public string Account => Prefix + Name;

    /// <summary>The robot's name in an account's; null when the account is not a robot.</summary>
    public static string? NameIn(string account) => Subject.IsRobot(account) ? account[Prefix.Length..] : null;
}
