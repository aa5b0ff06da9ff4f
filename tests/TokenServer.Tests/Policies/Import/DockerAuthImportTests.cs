using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Import;
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
        Assert.Equal(["admin:$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC", "test:$2y$05$WuwBasGDAgr.QCbGIjKJaep4dhxeai9gNZdmBnQXqpKly57oNutya"], htpasswd);
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
    [InlineData("""acl: [{ match: { account: "/^dev-/" }, actions: [pull] }]""", "f.yaml:1:27: entry 1: the account '/^dev-/' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for everybody who signed in")]
    [InlineData("""acl: [{ match: { account: "dev-*" }, actions: [pull] }]""", "f.yaml:1:27: entry 1: the account 'dev-*' is a pattern, which cannot be expressed; name the accounts, or use /.+/ for everybody who signed in")]
    [InlineData("""acl: [{ match: { name: "/team.*/" }, actions: [pull] }]""", "f.yaml:1:24: entry 1: the name '/team.*/' is a regular expression, which cannot be expressed")]
    [InlineData("""acl: [{ match: { name: "team-?" }, actions: [pull] }]""", "f.yaml:1:24: entry 1: the name 'team-?' cannot be expressed; only * and ${account} can")]
    [InlineData("""acl: [{ match: { name: "x-${account}" }, actions: [pull] }]""", "f.yaml:1:24: entry 1: the name 'x-${account}' cannot be expressed: ${account} must be a whole segment")]
    [InlineData("""acl: [{ match: { labels: { group: x } }, actions: [pull] }]""", "f.yaml:1:18: entry 1 matches by 'labels', which cannot be expressed")]
    [InlineData("""acl: [{ match: { team: x }, actions: [pull] }]""", "f.yaml:1:18: entry 1 matches by 'team', which cannot be expressed")]
    [InlineData("""acl: [{ match: { account: x }, actions: [pull, view] }]""", "f.yaml:1:48: entry 1: 'view' is no action that is known here")]
    [InlineData("""acl: [{ match: { account: x }, actions: [pull, "*"] }]""", "f.yaml:1:48: entry 1: '*' beside other actions does not mean every action there; write it alone if that is meant")]
    [InlineData("""acl: [{ match: { type: "repo*" }, actions: [pull] }]""", "f.yaml:1:24: entry 1: the type 'repo*' cannot be expressed; it is repository or registry")]
    [InlineData("""acl: [{ actions: [pull] }]""", "f.yaml:1:7: entry 1 has no 'match' or no list of 'actions'")]
    [InlineData("""{ ldap_auth: {}, acl: [] }""", "f.yaml:1:3: 'ldap_auth' cannot be imported; take it out, and set up its counterpart by hand")]
    [InlineData("""{ users: { a: { password: plain } }, acl: [] }""", "f.yaml:1:15: the user 'a' has no bcrypt password")]
    [InlineData("""acl: [{ match: { account: a, name: "x/*" }, actions: ["*"] }, { match: { name: "*/y" }, actions: [pull] }, { match: {}, actions: [pull, push] }]""", "f.yaml:1:63: entry 2 gives less than entry 1 before it and than an entry after it, on resources they may share; this needs an order, which policies do not have: split the entries so that they do not meet")]
    public void What_cannot_be_expressed_is_refused_by_name(string text, string problem)
    {
        var problems = new List<SourceProblem>();
        Assert.Null(DockerAuthImport.Convert(Yaml(text), PolicyText.Now, problems));
        Assert.Equal(problem, problems[0].ToString());
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
                return problems.TrueForAll(p => p.Message.Contains("needs an order", StringComparison.Ordinal));
            }

            var policy = PolicyText.Policy(imported.Policy);
            return (from account in new[] { "", "a", "b", "c" }
                    from name in new[] { "a", "x", "a/x", "x/a", "x/x", "a/x/x" }
                    from ip in new[] { "10.0.0.1", "10.1.0.1", "192.0.2.1" }
                    from service in new[] { "prod", "dev" }
                    select Agree(reader.Entries, policy, PolicyText.Caller(account, ip: ip, service: service), name)).All(agrees => agrees);
        }));

    private static readonly Gen<string> EntryGen =
        from account in Gen.Elements("", "account: a", "account: b", "account: ''", "account: /.+/")
        from name in Gen.Elements("", "name: x", "name: 'x/*'", "name: '*/x'", "name: '*'", "name: '${account}/*'")
        from type in Gen.Elements("", "type: repository")
        from actions in Gen.SubListOf("pull", "push", "delete")
        from everything in Gen.Elements(true, false, false)
        from ip in Gen.Elements("", "", "ip: 10.0.0.0/8", "ip: 10.1.0.0/16", "ip: 192.0.2.1")
        from service in Gen.Elements("", "", "", "service: prod")
        select $"{{ match: {{ {string.Join(", ", new[] { account, name, type, ip, service }.Where(p => p.Length > 0))} }}, actions: [{(everything ? "'*'" : string.Join(", ", actions))}] }}";

    private static readonly Gen<List<string>> Lists = from list in EntryGen.NonEmptyListOf() select list.Take(5).ToList();

    private static bool Agree(List<AclEntry> entries, Policy policy, Caller asking, string name)
    {
        var scope = PolicyText.Scope(name + ":pull,push,delete");
        var caller = new CallerSubjects(asking.Account, [], new GroupDirectory([]));
        var expected = entries.Find(e => e.Matches(caller, scope, asking.Address, asking.Service)) is { } first ? scope.Actions.Intersect(first.Actions) : ActionSet.None;
        return policy.Decide(asking, scope, PolicyText.Now).Granted.Actions == expected;
    }

    private static (Policy Policy, IReadOnlyList<string> Htpasswd) Import(string text)
    {
        var problems = new List<SourceProblem>();
        var imported = DockerAuthImport.Convert(Yaml(text), PolicyText.Now, problems);
        Assert.True(imported is not null, string.Join('\n', problems));
        return (PolicyText.Policy(imported!.Value.Policy), imported.Value.Htpasswd);
    }

    private static SourceNode Yaml(string text)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.Read("f.yaml", Encoding.UTF8.GetBytes(text), problems);
        Assert.Empty(problems);
        return node!;
    }
}
