using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

public sealed class DistinguishedNameTests
{
    [Theory]
    [InlineData("alice", "alice")]
    [InlineData("x,ou=admins", @"x\,ou\=admins")]
    [InlineData(" a ", @"\ a\ ")]
    [InlineData("#1", @"\#1")]
    [InlineData("a+b;c<d>\"\\", @"a\+b\;c\<d\>\""\\")]
    [InlineData("line\nfeed", @"line\0afeed")]
    public void A_value_is_escaped_for_a_name(string value, string escaped)
    {
        Assert.Equal(escaped, DistinguishedName.Escape(value));
        Assert.True(DistinguishedName.TryParse($"cn={escaped},dc=org", out var name));
        Assert.Equal(value, name!.Parts[0].Value);
    }

    [Theory]
    [InlineData("CN=Staff, OU=Groups,DC=org", "cn=staff,ou=groups,dc=ORG")]
    [InlineData("cn = staff , dc=org", "cn=staff,dc=org")]
    [InlineData(@"cn=a\2cb,dc=org", @"cn=a\,b,dc=org")]
    [InlineData(@"cn=Zo\c3\ab,dc=org", "cn=Zoë,dc=org")]
    [InlineData("cn=a+uid=b,dc=org", "CN=a + UID=b,dc=org")]
    public void Two_spellings_of_one_name_are_the_same(string one, string other) => Assert.Equal(DistinguishedName.Key(one), DistinguishedName.Key(other));

    [Theory]
    [InlineData("cn=a,cn=b", @"cn=a\,cn\=b")]
    [InlineData("cn=a,cn=b", "cn=a+cn=b")]
    public void Two_names_are_not_the_same(string one, string other) => Assert.NotEqual(DistinguishedName.Key(one), DistinguishedName.Key(other));

    [Theory]
    [InlineData("")]
    [InlineData("staff")]
    [InlineData("cn=")]
    [InlineData("=x")]
    [InlineData("cn=a,")]
    [InlineData(@"cn=a\")]
    [InlineData("cn=a,dc")]
    public void What_is_no_name_is_not_read(string text) => Assert.False(DistinguishedName.TryParse(text, out _));

    [Fact]
    public void What_was_typed_cannot_change_the_name() =>
        Assert.Equal(@"uid=x\,ou\=admins,ou=people,dc=org", Template.Name("uid={account},ou=people,dc=org", "x,ou=admins"));
}
