using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Tests.Names;

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
    [InlineData("cn=a+uid=b,dc=org", "uid=b+cn=a,dc=org")]
    [InlineData("cn=Platform Engineers,dc=org", "cn=platform   engineers,dc=org")]
    [InlineData("cn=Platform Engineers,dc=org", @"cn=\20Platform\20Engineers\20,dc=org")]
    [InlineData("cn=a,ou=g,dc=org", "2.5.4.3=a;2.5.4.11=g;0.9.2342.19200300.100.1.25=org")]
    [InlineData("cn=a,ou=g,dc=org", "commonName=a,OID.2.5.4.11=g,domainComponent=org")]
    [InlineData("cn=dev,dc=org", "cn=#0C03646576,dc=org")]
    [InlineData("cn=dev,dc=org", "2.5.4.3=#1303444556,dc=org")]
    [InlineData("cn=Größe Ä Team,dc=org", "cn=Gro\u0308ße A\u0308 TEAM,dc=org")]
    [InlineData("cn=Größe,dc=org", "cn=GRÖSSE,dc=org")]
    [InlineData("cn=a\u00adb\u200b,dc=org", "cn=ab,dc=org")]
    [InlineData("cn=a\u00a0b,dc=org", "cn=a b,dc=org")]
    public void Two_spellings_of_one_name_are_the_same(string one, string other) =>
        Assert.Equal(DistinguishedName.Key(one), DistinguishedName.Key(other));

    [Theory]
    [InlineData("cn=a,cn=b", @"cn=a\,cn\=b")]
    [InlineData("cn=a,cn=b", "cn=a+cn=b")]
    [InlineData("cn=a b,dc=org", "cn=ab,dc=org")]
    [InlineData(@"cn=\#0C03646576,dc=org", "cn=#0C03646576,dc=org")]
    public void Two_names_are_not_the_same(string one, string other) =>
        Assert.NotEqual(DistinguishedName.Key(one), DistinguishedName.Key(other));

    [Theory]
    [InlineData("")]
    [InlineData("staff")]
    [InlineData("cn=")]
    [InlineData("=x")]
    [InlineData("cn=a,")]
    [InlineData(@"cn=a\")]
    [InlineData("cn=a,dc")]
    [InlineData("cn=Ops, Night,dc=org")]
    [InlineData("cn=\"Ops, Night\",dc=org")]
    [InlineData(@"cn=a\z,dc=org")]
    [InlineData(@"cn=a\ff,dc=org")]
    [InlineData("cn=#,dc=org")]
    [InlineData("cn=#0401,dc=org")]
    [InlineData("cn=#dev,dc=org")]
    public void What_is_no_name_is_not_read(string text) => Assert.False(DistinguishedName.TryParse(text, out _));

    [Fact]
    public void What_was_typed_cannot_change_the_name() =>
        Assert.Equal(@"uid=x\,ou\=admins,ou=people,dc=org", DnTemplate.Name("uid={account},ou=people,dc=org", "x,ou=admins"));

    [Theory]
    [InlineData("cn=a,ou=groups,dc=org", true)]
    [InlineData("cn=a, ou=deep, OU=Groups, dc=org", true)]
    [InlineData("ou=groups,dc=org", true)]
    [InlineData("cn=a,ou=othergroups,dc=org", false)]
    [InlineData("dc=org", false)]
    [InlineData(@"cn=a\,ou\=groups,dc=org", false)]
    public void What_lies_below_a_name_ends_in_it_part_by_part(string text, bool isWithin)
    {
        Assert.True(DistinguishedName.TryParse("ou=groups,dc=org", out var above));
        Assert.True(DistinguishedName.TryParse(text, out var name));
        Assert.Equal(isWithin, name!.IsWithin(above!));
    }

    [Fact]
    public void The_key_of_a_key_is_itself()
    {
        foreach (var text in (string[])["CN=A\\, B  c,dc=ORG", @"cn=\#x\20,dc=org", "Two  WORDS", "GRÖSSE", "cn=#0C03646576"])
        {
            Assert.Equal(GroupName.Key(text), GroupName.Key(GroupName.Key(text)));
        }
    }

    [Theory]
    [InlineData("platform", "Platform")]
    [InlineData("two words", " Two  Words ")]
    [InlineData("Größe Ä Team", "Gro\u0308ße A\u0308 Team")]
    public void Bare_names_are_compared_alike(string one, string other) => Assert.Equal(GroupName.Key(one), GroupName.Key(other));

    [Theory]
    [InlineData("cn=admins, dc=corp")]
    [InlineData("cn＝admins,dc＝corp")]
    public void No_bare_name_has_the_key_of_a_distinguished_name(string name) =>
        Assert.True(GroupName.IsDistinguished(name) || GroupName.Key(name) != GroupName.Key("cn=admins,dc=corp"));
}
