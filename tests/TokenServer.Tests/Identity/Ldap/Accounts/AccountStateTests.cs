using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Accounts;

public sealed class AccountStateTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("userAccountControl", "514", "disabled")]
    [InlineData("msDS-User-Account-Control-Computed", "16", "locked out")]
    [InlineData("msDS-User-Account-Control-Computed", "8388608", "password has expired")]
    [InlineData("userAccountControl", "8389120", "password has expired")]
    [InlineData("pwdLastSet", "0", "must be changed")]
    [InlineData("accountExpires", "133000000000000000", "expired at 2022-06-18")]
    [InlineData("pwdAccountLockedTime", "000001010000Z", "until an administrator unlocks it")]
    [InlineData("pwdReset", "TRUE", "must be changed")]
    [InlineData("nsAccountLock", "true", "inactivated")]
    [InlineData("accountUnlockTime", "20260601130000Z", "locked until 2026-06-01 13:00:00Z")]
    public void An_account_that_may_not_sign_in_is_told_why(string attribute, string value, string reason)
    {
        var obstacle = Assert.Single(AccountState.Read(Entry(attribute, value), Now));
        Assert.True(obstacle.IsCertain);
        Assert.Contains(reason, obstacle.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pwdAccountLockedTime", "20260601115959Z", "locked since 2026-06-01 11:59:59Z")]
    [InlineData("passwordExpirationTime", "20260601115959Z", "expired at 2026-06-01 11:59:59Z")]
    public void What_may_be_over_is_left_to_the_bind(string attribute, string value, string reason)
    {
        var obstacle = Assert.Single(AccountState.Read(Entry(attribute, value), Now));
        Assert.False(obstacle.IsCertain);
        Assert.Contains(reason, obstacle.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("userAccountControl", "512")]
    [InlineData("userAccountControl", "66048")]
    [InlineData("accountExpires", "0")]
    [InlineData("accountExpires", "9223372036854775807")]
    [InlineData("accountExpires", "134500000000000000")]
    [InlineData("pwdLastSet", "133000000000000000")]
    [InlineData("nsAccountLock", "FALSE")]
    [InlineData("accountUnlockTime", "20260601110000Z")]
    [InlineData("passwordExpirationTime", "19700101000000Z")]
    [InlineData("passwordExpirationTime", "20260701000000Z")]
    public void An_account_in_order_is_left_alone(string attribute, string value) =>
        Assert.Empty(AccountState.Read(Entry(attribute, value), Now));

    [Theory]
    [InlineData("532", "the password has expired (data 532)")]
    [InlineData("533", "the account is disabled (data 533)")]
    [InlineData("701", "the account has expired (data 701)")]
    [InlineData("773", "the password must be changed first (data 773)")]
    [InlineData("775", "the account is locked out (data 775)")]
    [InlineData("530", "the account may not sign in at this time (data 530)")]
    public void Active_Directory_says_why_in_its_diagnostic_message(string data, string reason) =>
        Assert.Equal(
            new SignInOutcome.Refused(reason),
            Verdict(49, $"80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data {data}, v4563"));

    [Theory]
    [InlineData("80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52e, v4563")]
    [InlineData("80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 525, v4563")]
    [InlineData("")]
    public void A_wrong_password_is_one(string diagnostic) => Assert.IsType<SignInOutcome.WrongPassword>(Verdict(49, diagnostic));

    [Theory]
    [InlineData(19, typeof(SignInOutcome.Refused))]
    [InlineData(53, typeof(SignInOutcome.Refused))]
    [InlineData(48, typeof(SignInOutcome.Refused))]
    [InlineData(13, typeof(SignInOutcome.Unavailable))]
    [InlineData(51, typeof(SignInOutcome.Unavailable))]
    [InlineData(80, typeof(SignInOutcome.Unavailable))]
    public void Only_what_is_a_wrong_password_is_told_as_one(int code, Type outcome) => Assert.IsType(outcome, Verdict(code, "why"));

    [Fact]
    public void A_lock_in_the_entry_explains_a_refused_bind() =>
        Assert.Equal(
            new SignInOutcome.Refused("locked"),
            BindVerdict.Of(new BindAnswer(49, ""), [new AccountObstacle("locked", false)], TimeSpan.Zero));

    private static SignInOutcome Verdict(int code, string diagnostic) =>
        BindVerdict.Of(new BindAnswer(code, diagnostic), [], TimeSpan.FromSeconds(10));

    private static DirectoryEntry Entry(string attribute, string value) =>
        new("uid=alice", new Dictionary<string, IReadOnlyList<string>>(StringComparer.OrdinalIgnoreCase) { [attribute] = [value] });
}
