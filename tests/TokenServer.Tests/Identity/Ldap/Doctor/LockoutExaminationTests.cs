using System.Globalization;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Doctor;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Doctor;

public sealed class LockoutExaminationTests
{
    private readonly List<string> warnings = [];

    [Theory]
    [InlineData(3, "15m", 5, "15m", "")]
    [InlineData(3, "15m", 0, "30m", "")]
    [InlineData(5, "30m", 5, "30m", "lockout.failures is 5, and dc=corp,dc=example locks accounts after 5 failures (lockoutThreshold): set it to less")]
    [InlineData(3, "15m", 5, "30m", "lockout.within is 00:15:00, and dc=corp,dc=example forgets failures only after 00:30:00 (lockOutObservationWindow): set it to no less")]
    public void Tries_that_reach_the_domains_own_limit_are_warned_of(int failures, string within, int threshold, string window, string warning)
    {
        Examine(failures, Minutes(within), ["lockoutThreshold", $"{threshold}"], ["lockOutObservationWindow", $"{-Minutes(window).Ticks}"]);

        Assert.Equal(warning, string.Join('\n', warnings));
    }

    [Fact]
    public void A_directory_without_such_a_policy_is_not_warned_of()
    {
        Examine(1000, Minutes("1m"));

        Assert.Empty(warnings);
    }

    private static TimeSpan Minutes(string text) => TimeSpan.FromMinutes(int.Parse(text[..^1], CultureInfo.InvariantCulture));

    private void Examine(int failures, TimeSpan within, params string[][] attributes)
    {
        var options = new LdapDirectoryOptions
        {
            Name = "ad",
            Servers = ["ldap://localhost"],
            AnonymousSearch = true,
            BaseDn = "OU=People,DC=corp,DC=example",
            Lockout = { Failures = failures, Within = within },
        };
        var entry = new DirectoryEntry("dc=corp,dc=example", attributes.ToDictionary(a => a[0], a => (IReadOnlyList<string>)[a[1]]));
        new LockoutExamination(DirectorySettings.Read([options])[0], _ => new SearchAnswer([entry], false), f => warnings.Add(f.Text)).Examine();
    }
}
