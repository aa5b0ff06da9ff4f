using System.Globalization;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Doctor;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Doctor;

public sealed class LockoutExaminationTests
{
    private readonly List<string> warnings = [];
    private readonly List<string> notes = [];

    [Theory]
    [InlineData(3, "15m", 5, "15m", "")]
    [InlineData(3, "15m", 0, "30m", "")]
    [InlineData(
        5, "30m", 5, "30m",
        "lockout.failures is 5, but dc=corp,dc=example locks accounts after 5 failures (lockoutThreshold): lower it")]
    [InlineData(
        3, "15m", 5, "30m",
        "lockout.within is 00:15:00, but dc=corp,dc=example forgets failures only after 00:30:00 (lockOutObservationWindow): raise it")]
    public void Tries_that_reach_the_domains_own_limit_are_warned_of(
        int failures, string within, int threshold, string window, string warning)
    {
        Examine(failures, Minutes(within), ["lockoutThreshold", $"{threshold}"], ["lockOutObservationWindow", $"{-Minutes(window).Ticks}"]);

        Assert.Equal(warning, string.Join('\n', warnings));
        Assert.Contains("password settings objects cannot be read", Assert.Single(notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "4", "1800",
        "lockout.failures is 5, but cn=default,dc=example locks accounts after 4 failures (pwdMaxFailure)\nlockout.within is 00:15:00, "
        + "but cn=default,dc=example forgets failures only after 00:30:00 (pwdFailureCountInterval)")]
    [InlineData("6", "0", "cn=default,dc=example never forgets failures (pwdFailureCountInterval)")]
    [InlineData("6", "60", "")]
    public void The_policies_of_OpenLDAP_are_read(string failures, string interval, string expected)
    {
        var options =
            new LdapDirectoryOptions { Name = "corp", Servers = ["ldap://localhost"], AnonymousSearch = true,
                BaseDn = "ou=people,dc=example", Lockout = { Failures = 5, Within = Minutes("15m") } };
        Examine(options, q => new DirectoryEntry(
            q.BaseDn == "dc=example" ? "cn=default,dc=example" : q.BaseDn,
            new Dictionary<string, IReadOnlyList<string>>(
                StringComparer.Ordinal) { ["pwdLockout"] = ["TRUE"], ["pwdMaxFailure"] = [failures],
                    ["pwdFailureCountInterval"] = [interval] }) { Kind = DirectoryKind.PasswordPolicy });

        var told = expected.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(told.Length, warnings.Count);
        Assert.All(told.Zip(warnings), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
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
        Examine(
            options, q => q is { BaseDn: "dc=corp,dc=example", Depth: SearchDepth.Base }
            ? new DirectoryEntry(q.BaseDn, attributes.ToDictionary(a => a[0], a => (IReadOnlyList<string>)[a[1]]))
            : null);
    }

    private void Examine(LdapDirectoryOptions options, Func<SearchQuestion, DirectoryEntry?> find) => new LockoutExamination(
        DirectorySettings.Read([options])[0],
        q => new SearchAnswer(find(q) is { } entry ? [entry] : [], false),
        f => (f.Verdict == Verdict.Warning ? warnings : notes).Add(f.Text)).Examine();
}
