using AuthIndex.TokenServer.Identity.Ldap.Search;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Search;

public sealed class DnTemplateTests
{
    [Theory]
    [InlineData("(uid={account})", "(uid=*)")]
    [InlineData(
        "(&(objectClass=person)(|(uid={account})(mail={account}@example.org)))", "(&(objectClass=person)(|(uid=*)(mail=*@example.org)))")]
    [InlineData("(uid={account}*)", "(uid=*)")]
    [InlineData("(&(objectClass=inetOrgPerson)(uid:caseExactMatch:={account}))", "(&(objectClass=inetOrgPerson)(uid=*))")]
    [InlineData("(uid:2.5.13.5:={account})", "(uid=*)")]
    [InlineData("(uid>={account})", "(uid=*)")]
    [InlineData("(uid<={account})", "(uid=*)")]
    [InlineData("(uid~={account})", "(uid=*)")]
    [InlineData("(uid:dn:={account})", "(objectClass=*)")]
    [InlineData(
        "(&(uid={account})(userAccountControl:1.2.840.113556.1.4.803:=512))", "(&(uid=*)(userAccountControl:1.2.840.113556.1.4.803:=512))")]
    public void A_filter_for_any_account_has_a_wildcard_only_where_one_can_be(string template, string filter)
    {
        Assert.Equal(filter, DnTemplate.AnyAccount(template));
        Assert.True(SearchFilter.IsWellFormed(filter));
    }
}
