using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Import;
using AuthIndex.TokenServer.Policies.Subjects;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenServer.Tests.Policies.Import;

public sealed class DockerAuthImportTests
{
    private const string Typical = """
        server: { addr: ":5001" }
        token: { issuer: "Acme", expiration: 900 }
        users:
          "admin": { password: "$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC" }
          "test": { password: "$2y$05$WuwBasGDAgr.QCbGIjKJaep4dhxeai9gNZdmBnQXqpKly57oNutya" }
          "": {}
        acl:
          - match: { ip: "127.0.0.0/8" }
            actions: ["*"]
            comment: "Allow everything from localhost"
          - match: { account: "admin" }
            actions: ["*"]
            comment: "Admin has full access to everything."
          - match: { account: "test", name: "test-*" }
            actions: ["*"]
          - match: { account: "test" }
            actions: ["pull"]
          - match: { account: "/.+/", name: "${account}/*" }
            actions: ["*"]
          - match: { account: "", name: "hello-world" }
            actions: ["pull"]
          - match: { account: "/.+/", type: "registry", name: "catalog" }
            actions: ["*"]
        """;

    [Fact]
    public void A_typical_list_becomes_a_policy_that_says_the_same()
    {
        var (policy, htpasswd) = Import(Typical);
        Assert.Equal("pull,push,delete", policy.Granted(PolicyText.Caller("", ip: "127.0.0.1"), "any/thing:pull,push,delete"));
        Assert.Equal("pull,push,delete", policy.Granted("admin", "any/thing:pull,push,delete"));
        Assert.Equal("*", policy.Granted("admin", "registry:catalog:*"));
        Assert.Equal("pull,push,delete", policy.Granted("test", "test-x:pull,push,delete"));
        Assert.Equal("pull", policy.Granted("test", "other:pull,push,delete"));
        Assert.Equal("pull", policy.Granted("test", "test/own:pull,push,delete"));
        Assert.Equal("", policy.Granted("test", "registry:catalog:*"));
        Assert.Equal("push", policy.Granted("carol", "carol/x:push"));
        Assert.Equal("", policy.Granted("carol", "dave/x:pull"));
        Assert.Equal("pull", policy.Granted("", "hello-world:pull,push"));
        Assert.Equal("", policy.Granted("carol", "hello-world:pull"));
        Assert.Equal("*", policy.Granted("carol", "registry:catalog:*"));
        Assert.Equal(
            ["admin:$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC",
                "test:$2y$05$WuwBasGDAgr.QCbGIjKJaep4dhxeai9gNZdmBnQXqpKly57oNutya"], htpasswd);
        Assert.NotEmpty(policy.Tests);
    }

    [Fact]
    public void Without_the_anonymous_user_everybody_means_who_signed_in()
    {
        var (policy, _) = Import("acl: [{ match: { name: public }, actions: [pull] }]");
        Assert.Equal("pull", policy.Granted("carol", "public:pull"));
        Assert.Equal("", policy.Granted("", "public:pull"));
    }

    [Theory]
    [InlineData(
        """acl: [{ match: { account: "/^dev-/" }, actions: [pull] }]""",
        "f.yaml:1:27: entry 1: the account '/^dev-/' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for "
        + "everybody who signed in")]
    [InlineData(
        """acl: [{ match: { account: "dev-*" }, actions: [pull] }]""",
        "f.yaml:1:27: entry 1: the account 'dev-*' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for everybody "
        + "who signed in")]
    [InlineData(
        """acl: [{ match: { name: "/team.*/" }, actions: [pull] }]""",
        "f.yaml:1:24: entry 1: the name '/team.*/' is a regular expression, which cannot be expressed")]
    [InlineData(
        """acl: [{ match: { name: "team-?" }, actions: [pull] }]""",
        "f.yaml:1:24: entry 1: the name 'team-?' cannot be expressed; only * and ${account} can")]
    [InlineData(
        """acl: [{ match: { labels: { group: x } }, actions: [pull] }]""",
        "f.yaml:1:26: entry 1 matches by 'labels', which can be expressed only for one label of ldap_auth and without 'account'")]
    [InlineData("""acl: [{ match: { team: x }, actions: [pull] }]""", "f.yaml:1:18: entry 1 matches by 'team', which cannot be expressed")]
    [InlineData(
        """acl: [{ match: { account: x }, actions: [pull, view] }]""", "f.yaml:1:48: entry 1: 'view' is not a known action")]
    [InlineData(
        """acl: [{ match: { account: x }, actions: [pull, "*"] }]""",
        "f.yaml:1:48: entry 1: '*' alongside other actions does not mean every action in docker_auth; write it alone if that is intended")]
    [InlineData(
        """acl: [{ match: { type: "repo*" }, actions: [pull] }]""",
        "f.yaml:1:24: entry 1: the type 'repo*' cannot be expressed; use repository or registry")]
    [InlineData("""acl: [{ actions: [pull] }]""", "f.yaml:1:7: entry 1 has no 'match' or no list of 'actions'")]
    [InlineData("""{ ldap_auth: {}, acl: [] }""", "f.yaml:1:14: 'ldap_auth' cannot be imported: it has no 'addr', 'base' or 'filter'")]
    [InlineData(
        """{ google_auth: {}, acl: [] }""",
        "f.yaml:1:3: 'google_auth' cannot be imported; take it out, and set up its counterpart by hand")]
    [InlineData(
        """acl: [{ match: { account: "/a|b$/" }, actions: [pull] }]""",
        "f.yaml:1:27: entry 1: the account '/a|b$/' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for everybody "
        + "who signed in")]
    [InlineData(
        """acl: [{ match: { account: "/^(a.b)$/" }, actions: [pull] }]""",
        "f.yaml:1:27: entry 1: the account '/^(a.b)$/' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for "
        + "everybody who signed in")]
    [InlineData("""{ users: { a: { password: plain } }, acl: [] }""", "f.yaml:1:15: the user 'a' has no bcrypt password")]
    [InlineData(
        """acl: [{ match: { account: a, name: "x/*" }, actions: ["*"] }, { match: { name: "*/y" }, actions: [pull] }, { match: {}, actions: [pull, push] }]""", "f.yaml:1:63: entry 2 gives less than entry 1 before it and than an entry after it, on resources they may share; this needs an order, which policies do not have: split the entries so that they do not overlap")]
    public void What_cannot_be_expressed_is_refused_by_name(string text, string problem)
    {
        var problems = new List<SourceProblem>();
        Assert.Null(DockerAuthImport.Convert(Yaml(text), PolicyText.Now, problems));
        Assert.Equal(problem, problems[0].ToString());
    }

    [Theory]
    [InlineData("test", "test-x:pull,push,delete", "pull,push,delete")]
    [InlineData("test", "test/own:pull", "")]
    [InlineData("test", "other:pull", "")]
    [InlineData("test", "registry:catalog:*", "")]
    [InlineData("admin", "other:pull,push,delete", "pull,push,delete")]
    [InlineData("carol", "carol/x:pull,push,delete", "pull,push,delete")]
    [InlineData("carol", "test-x:pull,push", "pull")]
    [InlineData("carol", "registry:catalog:*", "*")]
    [InlineData("", "hello-world:pull,push", "pull")]
    [InlineData("", "other:pull", "")]
    public void An_entry_for_all_names_ends_the_list_for_its_account(string account, string scope, string granted)
    {
        var (policy, _) = Import("""
            users: { admin: { password: "$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC" }, "": {} }
            acl:
              - { match: { ip: 127.0.0.0/8 }, actions: ["*"] }
              - { match: { ip: "::1" }, actions: ["*"] }
              - { match: { account: admin }, actions: ["*"] }
              - { match: { account: test, name: "test-*" }, actions: ["*"] }
              - { match: { account: test }, actions: [] }
              - { match: { account: "/.+/", name: "${account}/*" }, actions: ["*"] }
              - { match: { account: "/.+/", type: registry, name: catalog }, actions: ["*"] }
              - { match: { account: "/.+/" }, actions: [pull] }
              - { match: { account: "", name: hello-world }, actions: [pull] }
            """);
        Assert.Equal(granted, policy.Granted(account, scope));
        Assert.DoesNotContain(policy.Rules, r => r.Effect == Effect.Deny);
    }

    [Fact]
    public void An_empty_action_gives_nothing_and_alternatives_are_each_a_subject_and_a_name()
    {
        var (policy, _) = Import("""
            acl:
              - { match: { account: "/^(a|b\\.c)$/", name: "/^(x|y)$/" }, actions: [pull, push] }
              - { match: { account: d }, actions: [""] }
              - { match: { account: "/.+/", name: "user-${account}/*" }, actions: [pull] }
            """);
        foreach (var account in new[] { "a", "b.c" })
        {
            Assert.Equal(
                ["pull,push", "pull,push", ""], new[] { "x", "y", "z" }.Select(name => policy.Granted(account, name + ":pull,push")));
        }

        Assert.Equal("", policy.Granted("bxc", "x:pull"));
        Assert.Equal(
            ["pull", "", "pull", ""],
            new[] { ("a", "user-a/z"), ("d", "user-d/z"), ("e", "user-e/z"), ("e", "user-a/z") }.Select(
                c => policy.Granted(c.Item1, c.Item2 + ":pull")));
    }

    [Fact]
    public void What_is_left_out_or_meant_otherwise_is_said()
    {
        var problems = new List<SourceProblem>();
        var imported = DockerAuthImport.Convert(
            Yaml("""
                server: { addr: ":5001", real_ip_header: X-Real-IP }
                token: { issuer: Acme, expiration: 900 }
                users:
                  dev: { password: "$2y$05$abcdefghijklmnopqrstuvwxyz" }
                  admin10: { password: "$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC" }
                acl:
                  - { match: { account: "/admin1|admin2/" }, actions: ["*"] }
                  - { match: { account: dev, name: "shop/*" }, actions: [pull] }
                  - { match: { account: dev, name: "shop/deploy-*" }, actions: [pull, push] }
                  - { match: { account: dev, name: "Proj/*" }, actions: [pull] }
                """),
            PolicyText.Now,
            problems);
        Assert.Equal(["admin10:$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC"], imported!.Htpasswd);
        Assert.All(problems, p => Assert.True(p.IsWarning));
        var policy = PolicyText.Policy(imported.Policy);
        Assert.Equal(
            ["push", "push", "push", ""], new[] { "admin1", "admin2", "admin10", "admin3" }.Select(a => policy.Granted(a, "any:push")));
        string[] said =
        [
            "'server.addr' is left out; its counterpart is tokenServer.listen",
            "'server.real_ip_header' is left out; its counterpart is tokenServer.trustedProxies, which reads X-Forwarded-For",
            "'token.issuer' is left out; its counterpart is tokenServer.issuer",
            "'token.expiration' is left out; its counterpart is tokenServer.tokenLifetime",
            "the user 'dev' is left out: a bcrypt hash has 60 characters, not 33, so no password matches it",
            "entry 1: '/admin1|admin2/' matches accounts with one of these in their names; it is imported for admin1, admin2, admin10, "
            + "and not for accounts added later",
            "entry 4: the name 'Proj/*' is left out: repositories have lower-case names, so it matches none",
            "entry 3 is left out: entry 2 before it matches everything it matches",
        ];
        Assert.Equal(said, problems.Select(p => p.Message));
    }

    [Fact]
    public void A_directory_and_its_groups_come_over()
    {
        var problems = new List<SourceProblem>();
        var imported = DockerAuthImport.Convert(
            Yaml("""
                ldap_auth:
                  addr: ldap.example.com:636
                  tls: always
                  bind_dn: cn=reader,dc=example,dc=com
                  bind_password_file: /etc/secret
                  base: dc=example,dc=com
                  filter: "(&(uid=${account})(objectClass=person))"
                  labels: { groups: { attribute: memberOf, parse_cn: true }, title: { attribute: title } }
                acl:
                  - { match: { labels: { groups: "/^(admins|ops)$/" } }, actions: ["*"] }
                  - { match: { name: "teams/${labels:groups}/*" }, actions: [pull, push] }
                  - { match: { account: carol }, actions: [] }
                  - { match: { account: "/.+/" }, actions: [pull] }
                """),
            PolicyText.Now,
            problems);
        Assert.True(imported is not null, string.Join('\n', problems));
        Assert.Equal(
            "the label 'title' is left out: only memberOf, whose values are groups, has a counterpart", Assert.Single(problems).Message);
        Assert.Equal(
            """
            # Imported from the ldap_auth of a docker_auth configuration; check it with: ldap doctor
            tokenServer:
              ldap:
                - name: imported
                  servers: ["ldaps://ldap.example.com:636"]
                  bindDn: "cn=reader,dc=example,dc=com"
                  bindPasswordFile: "/etc/secret"
                  baseDn: "dc=example,dc=com"
                  userFilter: "(&(uid={account})(objectClass=person))"
                  accountAttribute: uid
                  groups: { via: memberOf }

            """,
            imported!.Ldap);

        var policy = PolicyText.Policy(imported.Policy);
        Assert.Equal("pull,push,delete", policy.Granted(PolicyText.Caller("carol", ["ldap:Ops"]), "any:pull,push,delete"));
        Assert.Equal("", policy.Granted(PolicyText.Caller("carol", ["ldap:red"]), "any:pull"));
        Assert.Equal("pull,push", policy.Granted(PolicyText.Caller("carol", ["ldap:red"]), "teams/red/app:pull,push"));
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("dave", ["ldap:red"]), "teams/blue/app:pull,push"));
    }

    [Fact]
    public void Whatever_is_imported_decides_as_the_first_entry_that_matches() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(200),
        Prop.ForAll(Lists.ToArbitrary(), list =>
        {
            var problems = new List<SourceProblem>();
            var configuration = Yaml("users: { \"\": {} }\nacl:\n" + string.Concat(list.Select(e => $"  - {e}\n")));
            var reader = new DockerAuthReader(new List<SourceProblem>());
            reader.Read(configuration);
            if (DockerAuthImport.Convert(configuration, PolicyText.Now, problems) is not { } imported)
            {
                return problems.TrueForAll(p => p.IsWarning || p.Message.Contains("needs an order", StringComparison.Ordinal));
            }

            var policy = PolicyText.Policy(imported.Policy);
            return (from account in new[] { "", "a", "b", "c" }
                    from name in new[] { "a", "x", "a/x", "x/a", "x/x", "a/x/x" }
                    from ip in new[] { "10.0.0.1", "10.1.0.1", "192.0.2.1" }
                    from service in new[] { "prod", "dev" }
                    select Agree(reader.Entries, policy, PolicyText.Caller(account, ip: ip, service: service), name)).All(agrees => agrees);
        }));

    private static readonly Gen<string> EntryGen =
        from account in Gen.Elements("", "account: a", "account: b", "account: ''", "account: /.+/", "account: /^(a|b)$/")
        from name in Gen.Elements(
            "", "name: x", "name: 'x/*'", "name: '*/x'", "name: '*'", "name: '${account}/*'", "name: '/^(a|x)$/'", "name: 'x*/*'")
        from type in Gen.Elements("", "type: repository")
        from actions in Gen.SubListOf("pull", "push", "delete")
        from everything in Gen.Elements(true, false, false)
        from ip in Gen.Elements("", "", "ip: 10.0.0.0/8", "ip: 10.1.0.0/16", "ip: 192.0.2.1")
        from service in Gen.Elements("", "", "", "service: prod")
        select $"{{ match: {{ {string.Join(", ", new[] { account, name, type, ip, service }.Where(p => p.Length > 0))} }}, actions: "
            + $"[{(everything ? "'*'" : string.Join(", ", actions))}] }}";

    private static readonly Gen<List<string>> Lists = from list in EntryGen.NonEmptyListOf() select list.Take(5).ToList();

    private static bool Agree(List<AclEntry> entries, Policy policy, Caller asking, string name)
    {
        var scope = PolicyText.Scope(name + ":pull,push,delete");
        var caller = new CallerSubjects(asking.Account, [], new GroupDirectory([]), ignoresCase: false);
        var expected = entries.Find(e => e.Matches(caller, scope, asking.Address, asking.Service)) is { } first
            ? scope.Actions.Intersect(first.Actions)
            : ActionSet.None;
        return policy.Decide(asking, scope, PolicyText.Now).Granted.Actions == expected;
    }

    private static (Policy Policy, IReadOnlyList<string> Htpasswd) Import(string text)
    {
        var problems = new List<SourceProblem>();
        var imported = DockerAuthImport.Convert(Yaml(text), PolicyText.Now, problems);
        Assert.True(imported is not null, string.Join('\n', problems));
        return (PolicyText.Policy(imported!.Policy), imported.Htpasswd);
    }

    private static SourceNode Yaml(string text)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text), problems);
        Assert.Empty(problems);
        return node!;
    }
}
