using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Groups;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>
/// Compares <c>lockout</c> with the directory's own: with as many tries as the directory allows, guessing here locks accounts there.
/// </summary>
/// <param name="settings">The directory.</param>
/// <param name="search">Searches.</param>
/// <param name="tell">Takes the findings.</param>
internal sealed class LockoutExamination(DirectorySettings settings, GroupReader.Search search, Action<Finding> tell)
{
    /// <summary>Reads the directory's policies, as far as whoever searches may.</summary>
    public void Examine()
    {
        var policies = new LockoutPolicies(settings.Options.BaseDn!, search);
        foreach (var policy in policies.Read()) Compare(policy);
        foreach (var hidden in policies.Hidden) tell(new Finding("lockout", Verdict.Good, TimeSpan.Zero, LogText.ForTerminal(hidden)));
    }

    private void Compare(LockoutPolicy policy)
    {
        var lockout = settings.Options.Lockout;
        if (lockout.Failures >= policy.Failures)
        {
            Warn(
                $"lockout.failures is {lockout.Failures}, and {policy.Name} locks accounts after {policy.Failures} failures "
                + $"({policy.FailuresAttribute}): set it to less");
        }

        if (policy.Window is { } window && lockout.Within < window)
        {
            Warn(
                $"lockout.within is {lockout.Within}, and {policy.Name} forgets failures only after {window} "
                + $"({policy.WindowAttribute}): set it to no less");
        }

        if (policy.Window is null)
        {
            Warn(
                $"{policy.Name} never forgets failures ({policy.WindowAttribute}): whoever guesses slowly enough locks an account there, "
                + $"whatever lockout says");
        }
    }

    private void Warn(string text) => tell(new Finding("lockout", Verdict.Warning, TimeSpan.Zero, LogText.ForTerminal(text)));
}
