namespace AuthIndex.TokenServer.Tests.Policies.Files;

public sealed class BadInputTests
{
    /// <summary>Files that are refused, each with the first complaint about it.</summary>
    public static TheoryData<string, string> Documents { get; } = new()
    {
        { "version: 1\nrulez: []", "a.yaml:2:1: unknown key 'rulez'; did you mean 'rules'?" },
        { "rules: []", "a.yaml:1:1: the file does not say its version; begin it with 'version: 1'" },
        { "", "a.yaml:1:1: the file does not say its version; begin it with 'version: 1'" },
        { "version: 2", "a.yaml:1:10: this program reads version 1, not '2'" },
        { "- a", "a.yaml:1:1: a policy file is a mapping with version, groups, roles, robots, rules, tests, not a list" },
        { "just text", "a.yaml:1:1: a policy file is a mapping with version, groups, roles, robots, rules, tests, not 'just text'" },
        { "version: 1\ngroups: [a]", "a.yaml:2:9: 'groups' is a mapping of names, not a list" },
        { "version: 1\ngroups: { a: alice }", "a.yaml:2:14: the group 'a' is a list of members, not 'alice'; write [alice]" },
        { "version: 1\ngroups: { a: [no] }", "a.yaml:2:15: YAML reads no as true or false; write \"no\" with quotes for the text" },
        { "version: 1\ngroups: { a: [0777] }", "a.yaml:2:15: YAML reads 0777 as a number; write \"0777\" with quotes for the text" },
        { "version: 1\ngroups: { a: [12:30:00] }", "a.yaml:2:15: YAML reads 12:30:00 as a number; write \"12:30:00\" with quotes for the text" },
        { "version: 1\ngroups: { yes: [alice] }", "a.yaml:2:11: YAML reads yes as true or false; write \"yes\" with quotes for the text" },
        { "version: 1\ngroups: { a: [group:b] }", "a.yaml:2:15: there is no group 'b'; did you mean 'a'?" },
        { "version: 1\ngroups: { platform: [alice], b: [group:platfrom] }", "a.yaml:2:34: there is no group 'platfrom'; did you mean 'platform'?" },
        { "version: 1\ngroups: { a: [group:b], b: [group:c], c: [group:a] }", "a.yaml:2:11: the group 'a' holds itself, through the groups in it" },
        { "version: 1\ngroups: { a: [group:a] }", "a.yaml:2:11: the group 'a' holds itself, through the groups in it" },
        { "version: 1\ngroups: { a: [alice], a: [bob] }", "a.yaml:2:23: the key 'a' stands here a second time; the first is on line 2" },
        { "version: 1\ngroups: { a: [anyone] }", "a.yaml:2:15: 'anyone' cannot be a member; put it into the rule's 'to'" },
        { "version: 1\nroles: { r: pull }", "a.yaml:2:13: 'r' is a list; write [pull]" },
        { "version: 1\nroles: { r: [pul] }", "a.yaml:2:14: 'pul' is no action; did you mean 'pull'?" },
        { "version: 1\nroles: { push: [pull] }", "a.yaml:2:10: 'push' is an action; a role needs another name" },
        { "version: 1\nroles: { r: [] }", "a.yaml:2:13: 'r' is empty and so matches nothing; leave the key out or put something in it" },
        { "version: 1\nrules: { id: a }", "a.yaml:2:8: 'rules' is a list, not a mapping" },
        { "version: 1\nrules: [a]", "a.yaml:2:9: a rule is a mapping with id, to, allow, deny, on, except, when, not 'a'" },
        { "version: 1\n\trules: []", "a.yaml:2:1: YAML is indented with spaces; this line begins with a tab" },
        { "version: 1\na: &x [1]\nb: *x", "a.yaml:2:4: the anchor &x is not supported; write the value out where it is needed" },
        { "version: 1\nrules:\n  - allow: [*]", "a.yaml:3:13: a text that begins with '*' stands in quotes in YAML" },
        { "version: 1\nversion: 1", "a.yaml:2:1: the key 'version' stands here a second time; the first is on line 1" },
        { "version: 1\n---\nversion: 1", "a.yaml:2:1: a second document; one file holds one" },
        { "version: 1\ntests: [alice may pull x]", "a.yaml:2:9: 'alice may pull x' is no test; write it like 'alice can pull,push platform/api' or 'anonymous cannot pull platform/api'" },
        { "version: 1\ntests: [alice can pul x]", "a.yaml:2:9: 'pul' is no action; did you mean 'pull'?" },
        { "version: 1\ntests: [alice can pull X]", "a.yaml:2:9: 'X' is no resource: 'X' is not a legal name" },
        { "version: 1\ntests: [alice can pull x]", "a.yaml:2:9: the test 'alice can pull x' fails: no rule allows alice to pull x" },
        { "version: 1\ntests: [anyone can pull x]", "a.yaml:2:9: a test is about one caller, not 'anyone'; name an account and its groups, as in { as: someone, groups: [\"anyone\"], … }" },
        { "version: 1\ntests: ['group:a can pull x']", "a.yaml:2:9: a test is about one caller, not 'group:a'; name an account and its groups, as in { as: someone, groups: [\"group:a\"], … }" },
        { "version: 1\ntests: [{ as: alice, can: pull }]", "a.yaml:2:9: a test has 'as', either 'can' or 'cannot', and 'on', as in { as: alice, can: pull, on: platform/api }" },
        { "version: 1\ntests: [{ as: alice, can: pull, cannot: push, on: x }]", "a.yaml:2:9: a test has 'as', either 'can' or 'cannot', and 'on', as in { as: alice, can: pull, on: platform/api }" },
        { "version: 1\ntests: [{ as: alice, can: pull, on: x, ip: 10.0.0.1 }]", "a.yaml:2:40: unknown key 'ip'; known here: as, groups, from, service, signedInBy, at, can, cannot, on" },
        { "version: 1\ntests: [{ as: alice, cannot: pull, on: x, from: 10.0.1 }]", "a.yaml:2:49: '10.0.1' is no address; 'from' says where the request comes from, as in 192.0.2.9" },
        { "version: 1\ntests: [{ as: alice, cannot: pull, on: x, groups: [platform] }]", "a.yaml:2:52: there is no group 'platform'; known here: ldap:platform" },
        { "version: 1\ntests: [{ as: alice, cannot: pull, on: x, signedInBy: ladp }]", "a.yaml:2:55: 'ladp' is no way to sign in; did you mean 'ldap'?" },
        { "version: 1\ntests: [{ as: alice, cannot: pull, on: x, at: tomorrow }]", "a.yaml:2:47: 'tomorrow' is no date; write it like 2027-01-31 or 2027-01-31T18:00+01:00" },
    };

    /// <summary>Rules that are refused.</summary>
    public static TheoryData<string, string> Rules { get; } = new()
    {
        { "{ to: [anyone], allow: [pull], on: [x] }", "a.yaml:7:5: the rule has no 'id': refusals, logs and explanations name rules by it" },
        { "{ id: 'a b', to: [anyone], allow: [pull], on: [x] }", "a.yaml:7:11: 'a b' is no id: it has 1 to 100 letters, digits, '-', '_', '.' and '/'" },
        { "{ id: 7, to: [anyone], allow: [pull], on: [x] }", "a.yaml:7:11: 'id': YAML reads 7 as a number; write \"7\" with quotes for the text" },
        { "{ id: a, to: [anyone], alow: [pull], on: [x] }", "a.yaml:7:28: unknown key 'alow'; did you mean 'allow'?" },
        { "{ id: a, to: [anyone], on: [x] }", "a.yaml:7:5: the rule neither allows nor denies; add 'allow' or 'deny'" },
        { "{ id: a, to: [anyone], allow: [pull], deny: [push], on: [x] }", "a.yaml:7:43: the rule both allows and denies; make two rules of it" },
        { "{ id: a, allow: [pull], on: [x] }", "a.yaml:7:5: the rule has no 'to': it must say whom it is about; write [anyone] for everybody" },
        { "{ id: a, to: [], allow: [pull], on: [x] }", "a.yaml:7:18: 'to' is empty and so matches nothing; leave the key out or put something in it" },
        { "{ id: a, to: , allow: [pull], on: [x] }", "a.yaml:7:18: 'to' is a list, not nothing" },
        { "{ id: a, to: anyone, allow: [pull], on: [x] }", "a.yaml:7:18: 'to' is a list; write [anyone]" },
        { "{ id: a, to: [''], allow: [pull], on: [x] }", "a.yaml:7:19: an empty subject matches nobody; write anyone for everybody" },
        { "{ id: a, to: [alice], allow: [pull], on: [x] }", "a.yaml:7:19: 'alice' is no subject; did you mean 'user:alice' or 'group:alice'?" },
        { "{ id: a, to: [platform], allow: [pull], on: [x] }", "a.yaml:7:19: 'platform' is no subject; did you mean 'group:platform'?" },
        { "{ id: a, to: [anyon], allow: [pull], on: [x] }", "a.yaml:7:19: 'anyon' is no subject; did you mean 'anyone'?" },
        { "{ id: a, to: [usr:alice], allow: [pull], on: [x] }", "a.yaml:7:19: 'usr:alice' is no subject; did you mean 'user:'?" },
        { "{ id: a, to: ['user:'], allow: [pull], on: [x] }", "a.yaml:7:19: 'user:' names nobody; a name follows the colon" },
        { "{ id: a, to: ['user:*'], allow: [pull], on: [x] }", "a.yaml:7:19: 'user:*': subjects are names, not patterns; write 'authenticated' for everybody who signed in" },
        { "{ id: a, to: ['*'], allow: [pull], on: [x] }", "a.yaml:7:19: '*' is no subject; did you mean 'anyone' (anonymous callers too) or 'authenticated'?" },
        { "{ id: a, to: [anonymous], allow: [pull], on: [x] }", "a.yaml:7:19: 'anonymous' is no subject; write 'anyone', and 'except: [authenticated]' when those who signed in are not meant" },
        { "{ id: a, to: ['user:robot:ci'], allow: [pull], on: [x] }", "a.yaml:7:19: no account has a colon in its name; did you mean 'robot:ci'?" },
        { "{ id: a, to: [group:platfrom], allow: [pull], on: [x] }", "a.yaml:7:19: there is no group 'platfrom'; did you mean 'platform'?" },
        { "{ id: a, to: [anyone], except: [group:nobody], allow: [pull], on: [x] }", "a.yaml:7:37: there is no group 'nobody'; known here: platform, everybody" },
        { "{ id: a, to: [anyone], except: [], allow: [pull], on: [x] }", "a.yaml:7:36: 'except' is empty and so matches nothing; leave the key out or put something in it" },
        { "{ id: a, to: [anyone], allow: raeder, on: [x] }", "a.yaml:7:35: 'raeder' is neither a role nor an action; did you mean 'reader'?" },
        { "{ id: a, to: [anyone], allow: [pull push], on: [x] }", "a.yaml:7:36: 'pull push' is neither a role nor an action; known here: reader, developer, pull, push, delete, *" },
        { "{ id: a, to: [anyone], allow: 'pull,push', on: [x] }", "a.yaml:7:35: 'pull,push': one action for each item of the list, as in [pull, push]" },
        { "{ id: a, to: [anyone], allow: [], on: [x] }", "a.yaml:7:35: 'allow' is empty and so matches nothing; leave the key out or put something in it" },
        { "{ id: a, to: [anyone], allow: {}, on: [x] }", "a.yaml:7:35: 'allow' is a list, not a mapping" },
        { "{ id: a, to: [anyone], allow: yes, on: [x] }", "a.yaml:7:35: 'allow': YAML reads yes as true or false; write \"yes\" with quotes for the text" },
        { "{ id: a, to: [anyone], allow: [pull] }", "a.yaml:7:5: the rule has no 'on': it must say what it is about; write [\"**\"] for every repository" },
        { "{ id: a, to: [anyone], allow: [pull], on: [] }", "a.yaml:7:47: 'on' is empty and so matches nothing; leave the key out or put something in it" },
        { "{ id: a, to: [anyone], allow: [pull], on: [''] }", "a.yaml:7:48: an empty pattern matches nothing; write \"**\" for every repository" },
        { "{ id: a, to: [anyone], allow: [pull], on: 'users/{account}/**' }", "a.yaml:7:47: 'on' is a list; write [\"users/{account}/**\"]" },
        { "{ id: a, to: [anyone], allow: [pull], on: [{account}] }", "a.yaml:7:48: 'on' holds texts, not a mapping; put quotes around a text that holds '{' or ': '" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['users/{acount}/**'] }", "a.yaml:7:48: 'users/{acount}/**': {acount} stands for nothing; did you mean '{account}'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['users/{account'] }", "a.yaml:7:48: 'users/{account': a '{' without its '}'" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['Platform/**'] }", "a.yaml:7:48: 'Platform/**': repositories have lower-case names; did you mean 'platform/**'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['platform/'] }", "a.yaml:7:48: 'platform/': no repository's name ends with '/'; did you mean 'platform/**'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['/platform/**'] }", "a.yaml:7:48: '/platform/**': no repository's name begins with '/'; did you mean 'platform/**'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['a//b'] }", "a.yaml:7:48: 'a//b': no repository's name holds '//'" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['***'] }", "a.yaml:7:48: '***': three stars mean nothing; * stays within one segment, ** goes across" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['team-?/x'] }", "a.yaml:7:48: 'team-?/x': '?' has no meaning in a pattern, which knows * within a segment and ** across segments" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['^team/.+$'] }", "a.yaml:7:48: '^team/.+$': '^' has no meaning in a pattern, which knows * within a segment and ** across segments" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['a,b'] }", "a.yaml:7:48: 'a,b': one pattern for each item of the list" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['a/../b'] }", "a.yaml:7:48: 'a/../b': no repository can have this name" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['registy:catalog'] }", "a.yaml:7:48: 'registy' is no type of resource; did you mean 'registry'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['platform/api:latest'] }", "a.yaml:7:48: 'platform/api:latest': a pattern names repositories, not tags" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['localhost:5000/api'] }", "a.yaml:7:48: 'localhost' is no type of resource; known here: repository, registry; for a name with a host and port write 'repository:localhost:5000/api'" },
        { "{ id: a, to: [anyone], allow: [pull], on: ['registry:'] }", "a.yaml:7:48: 'registry:': a name or pattern follows the colon" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: {} }", "a.yaml:7:58: 'when' is a mapping of conditions, not an empty one; known here: ip, service, signedInBy, from, until, timeZone" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: tomorrow }", "a.yaml:7:58: 'when' is a mapping of conditions, not 'tomorrow'; known here: ip, service, signedInBy, from, until, timeZone" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ips: [10.0.0.0/8] } }", "a.yaml:7:60: unknown key 'ips'; did you mean 'ip'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: [] } }", "a.yaml:7:64: 'ip' is empty and so matches nothing; leave the key out or put something in it" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: 10.0.0.0/8 } }", "a.yaml:7:64: 'ip' is a list; write [10.0.0.0/8]" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: [10.1.0.0/8] } }", "a.yaml:7:65: '10.1.0.0/8' is not the first address of its network; did you mean '10.0.0.0/8', or '10.1.0.0' alone?" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: [10.0.0.0/33] } }", "a.yaml:7:65: '10.0.0.0/33': the number after the slash goes from 0 to 32" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: [010.0.0.1] } }", "a.yaml:7:65: '010.0.0.1' is no address or network; write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: [10.0.1] } }", "a.yaml:7:65: '10.0.1' is no address or network; write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { ip: ['::ffff:10.0.0.1'] } }", "a.yaml:7:65: '::ffff:10.0.0.1': write the IPv4 address 10.0.0.1 itself" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { signedInBy: [ladp] } }", "a.yaml:7:73: 'ladp' is no way to sign in; did you mean 'ldap'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { until: 31.1.2027 } }", "a.yaml:7:67: '31.1.2027' is no date; write it like 2027-01-31 or 2027-01-31T18:00+01:00" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { until: 2027-02-30 } }", "a.yaml:7:67: '2027-02-30' is no date; write it like 2027-01-31 or 2027-01-31T18:00+01:00" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { until: 2027-01-31T18:00 } }", "a.yaml:7:67: '2027-01-31T18:00' does not say in which time zone; add an offset, as in 2027-01-31T18:00Z, or a 'timeZone' such as Europe/Berlin" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { until: 2027-01-31, timeZone: Europe/Berln } }", "a.yaml:7:89: there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?" },
        { "{ id: a, to: [anyone], allow: [pull], on: [x], when: { from: 2027-02-01, until: 2027-01-31 } }", "a.yaml:7:85: the rule ends before it begins, so it can never match" },
        { "{ id: a, to: [user:alice], except: [anyone], allow: [pull], on: [x] }", "a.yaml:7:5: rule 'a' can never match: 'except' takes away everybody whom 'to' names" },
        { "{ id: a, to: [user:alice], except: [group:platform], allow: [pull], on: [x] }", "a.yaml:7:5: rule 'a' can never match: 'except' takes away everybody whom 'to' names" },
        { "{ id: a, to: [authenticated], allow: [pull], on: [x], when: { signedInBy: [anonymous] } }", "a.yaml:7:5: rule 'a' can never match: it is about callers who signed in, and asks that they did not" },
    };

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_bad_file_is_refused_with_its_line_and_a_way_out(string text, string complaint) => Refuses(text, complaint);

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_bad_rule_is_refused_with_its_line_and_a_way_out(string rule, string complaint) => Refuses(PolicyText.WithRules("  - " + rule), complaint);

    private static void Refuses(string text, string complaint)
    {
        var compiled = PolicyText.Compile(text);
        Assert.Null(compiled.Policy);
        Assert.Equal(complaint, compiled.Errors.First().ToString());
    }
}
