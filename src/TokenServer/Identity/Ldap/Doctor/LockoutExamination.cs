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
    /// <summary>Reads the directory's lockout policies, as far as the searching account may.</summary>
    public void Examine()
    {
        var policies = new LockoutPolicies(settings.BaseDn, search);
        foreach (var policy in policies.Read()) Compare(policy);
        foreach (var hidden in policies.Hidden) tell(new Finding("lockout", Verdict.Good, TimeSpan.Zero, LogText.ForTerminal(hidden)));
    }

    private void Compare(LockoutPolicy policy)
    {
        var lockout = settings.Options.Lockout;
        if (lockout.Failures >= policy.Failures)
        {
            Warn(
                $"lockout.failures is {lockout.Failures}, but {policy.Name} locks accounts after {policy.Failures} failures "
                + $"({policy.FailuresAttribute}): lower it");
        }

        if (policy.Window is { } window && lockout.Within < window)
        {
            Warn(
                $"lockout.within is {lockout.Within}, but {policy.Name} forgets failures only after {window} "
                + $"({policy.WindowAttribute}): raise it");
        }

        if (policy.Window is null)
        {
            Warn(
                $"{policy.Name} never forgets failures ({policy.WindowAttribute}): slow guessing can lock an account there "
                + $"regardless of lockout");
        }
    }

    private void Warn(string text) => tell(new Finding("lockout", Verdict.Warning, TimeSpan.Zero, LogText.ForTerminal(text)));
}
