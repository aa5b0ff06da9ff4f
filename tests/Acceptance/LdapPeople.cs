using System.Text;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The people and groups of the tests' directory.</summary>
internal static class LdapPeople
{
    /// <summary>How many accounts there are besides those that tests name.</summary>
    public const int Crowd = 5000;

    /// <summary>An account name in which every character means something to filters or names.</summary>
    public const string Tricky = @"we(ird*\na,më";

    /// <summary>How the tricky name stands in its entry's name.</summary>
    public const string TrickyDn = @"uid=we(ird*\5Cna\2Cmë,ou=people," + SlapdServer.Suffix;

    /// <summary>Below which people are.</summary>
    public const string People = $"ou=people,{SlapdServer.Suffix}";

    /// <summary>Below which groups are.</summary>
    public const string Groups = $"ou=groups,{SlapdServer.Suffix}";

    /// <summary>The account that searches.</summary>
    public const string Reader = $"cn=reader,{SlapdServer.Suffix}";

    /// <summary>Its password.</summary>
    public const string ReaderPassword = "the password of the reader";

    /// <summary>Everything that is loaded before the start.</summary>
    public static string Ldif()
    {
        var ldif = new StringBuilder();
        foreach (var unit in (string[])["people", "groups"]) Add($"ou={unit},{SlapdServer.Suffix}", "objectClass: organizationalUnit");
        Add(Reader, "objectClass: organizationalRole", "objectClass: simpleSecurityObject", $"userPassword: {ReaderPassword}");
        Person("uid=Alice," + People, "Alice", "alice's password", "mail: alice@example.org", "displayName: Alice Example");
        Person("uid=bob," + People, "bob", "bob's password", "mail: twin@example.org");
        Person("uid=carol," + People, "carol", "carol's password", "mail: twin@example.org");
        Person(TrickyDn, Tricky, "tricky password");
        Person("uid=locked," + People, "locked", "locked's password", "pwdAccountLockedTime: 000001010000Z");
        Add(
            "uid=posix," + People, "objectClass: inetOrgPerson", "objectClass: posixAccount", "uid: posix", "cn: posix", "sn: posix",
            "uidNumber: 1000", "gidNumber: 2000", "homeDirectory: /home/posix", "userPassword: posix's password");
        for (var i = 0; i < Crowd; i++) Person($"uid=user{i},{People}", $"user{i}", $"password {i}");

        Add("cn=posix-primary," + Groups, "objectClass: posixGroup", "gidNumber: 2000");
        Add("cn=posix-other," + Groups, "objectClass: posixGroup", "gidNumber: 2001", "memberUid: posix");
        Add("cn=unique," + Groups, "objectClass: groupOfUniqueNames", $"uniqueMember: uid=Alice,{People}");
        Add(
            "cn=crowd," + Groups,
            ["objectClass: groupOfNames", .. Enumerable.Range(0, Crowd).Select(i => $"member: uid=user{i},{People}")]);
        for (var i = 0; i < 1200; i++) Add($"cn=many{i},{Groups}", "objectClass: groupOfNames", $"member: uid=user0,{People}");
        return ldif.ToString();

        void Person(string dn, string uid, string password, params string[] more) =>
            Add(
                dn, [
                    "objectClass: inetOrgPerson", $"uid:: {Base64(uid)}", $"cn:: {Base64(uid)}", "sn: person", $"userPassword: {password}",
                        .. more]);

        void Add(string dn, params string[] lines)
        {
            ldif.Append("dn:: ").Append(Base64(dn)).Append('\n');
            foreach (var line in lines) ldif.Append(line).Append('\n');
            ldif.Append('\n');
        }
    }

    /// <summary>
    /// Groups in a circle, added while the server runs so that its memberOf overlay sees them: Alice in devs, devs in engineering,
    /// engineering in staff, staff in devs.
    /// </summary>
    public static string NestedGroups() => string.Join('\n',
        Group("devs", $"uid=Alice,{People}", $"cn=staff,{Groups}", TrickyDn),
        Group("engineering", $"cn=devs,{Groups}"),
        Group("staff", $"cn=engineering,{Groups}"));

    private static string Group(string name, params string[] members) =>
        $"dn: cn={name},{Groups}\nobjectClass: groupOfNames\n{string.Concat(members.Select(m => $"member:: {Base64(m)}\n"))}";

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
