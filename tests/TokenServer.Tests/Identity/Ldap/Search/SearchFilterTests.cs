using AuthIndex.TokenServer.Identity.Ldap.Search;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Search;

public sealed class SearchFilterTests
{
    [Theory]
    [InlineData("alice", "alice")]
    [InlineData("*", @"\2a")]
    [InlineData("a)(uid=*", @"a\29\28uid=\2a")]
    [InlineData(@"back\slash", @"back\5cslash")]
    [InlineData("nul\0l", @"nul\00l")]
    [InlineData("Zoë, 名", "Zoë, 名")]
    public void A_value_is_escaped_for_a_filter(string value, string escaped) => Assert.Equal(escaped, SearchFilter.Escape(value));

    [Theory]
    [InlineData("(uid={account})")]
    [InlineData("(&(objectClass=person)(|(uid={account})(mail={account}@example.org)))")]
    [InlineData("(!(loginShell=/sbin/nologin))")]
    [InlineData("(memberOf:1.2.840.113556.1.4.1941:=cn=staff,dc=example,dc=org)")]
    [InlineData(@"(cn=a\28b\29)")]
    public void A_whole_filter_is_one(string filter) => Assert.True(SearchFilter.IsWellFormed(filter));

    [Theory]
    [InlineData("")]
    [InlineData("uid={account}")]
    [InlineData("(uid={account}")]
    [InlineData("(uid={account}))")]
    [InlineData("(uid)")]
    [InlineData("(=x)")]
    [InlineData("(&)")]
    [InlineData("(&(uid=a)(b)")]
    [InlineData(@"(cn=\zz)")]
    [InlineData("(!(a=b)(c=d))")]
    public void A_broken_filter_is_none(string filter) => Assert.False(SearchFilter.IsWellFormed(filter));

    [Fact]
    public void A_filter_without_end_is_none() => Assert.False(SearchFilter.IsWellFormed(string.Concat(Enumerable.Repeat("(!", 5000))));

    [Fact]
    public void What_was_typed_cannot_change_the_filter() =>
        Assert.Equal(
            @"(&(objectClass=person)(uid=x\29\28objectClass=\2a))",
            DnTemplate.Filter("(&(objectClass=person)(uid={account}))", "x)(objectClass=*"));
}
