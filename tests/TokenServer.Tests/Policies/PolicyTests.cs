using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies;

public sealed class PolicyTests
{
    [Theory]
    [InlineData("JGross", true, "")]
    [InlineData("jgross", true, "")]
    [InlineData("JGROSS", true, "")]
    [InlineData("jgross", false, "")]
    [InlineData("JGross", false, "pull")] // htpasswd: another account
    [InlineData("other", true, "pull")]
    public void An_account_of_a_directory_is_meant_by_its_name_in_any_case_in_rules_groups_and_exceptions(
        string account, bool ignoresCase, string granted)
    {
        foreach (var rule in (string[])[
            "to: [user:jgross], deny: [pull]", "to: [group:out], deny: [pull]", "to: [group:outer], deny: [pull]"])
        {
            var policy = PolicyText.Policy($$"""
                version: 1
                groups: { out: [user:jgross], outer: [group:out] }
                rules:
                  - { id: all, to: [authenticated], allow: [pull], on: ["**"] }
                  - { id: out, {{rule}}, on: ["**"] }

                """);
            Assert.Equal(granted, Decide(policy));
        }

        var except = PolicyText.Policy("""
            version: 1
            rules:
              - { id: all, to: [authenticated], except: [user:jgross], allow: [pull], on: ["**"] }

            """);
        Assert.Equal(granted, Decide(except));

        string Decide(Policy policy) =>
            policy.Decide(
                new Caller(account, [], null, "registry", SignIn.Token, ignoresCase), PolicyText.Scope("team/app:pull"),
                DateTimeOffset.UnixEpoch).Granted.Actions.ToString();
    }

    [Theory]
    [InlineData("own/app", "pull")] // the account's own
    [InlineData("free/app", "pull")] // everybody's
    [InlineData("own/secret", "")] // denied to a group
    [InlineData("own/nested", "")] // denied to a local group that may hold one
    [InlineData("own/of/x", "")] // denied below a group's name
    [InlineData("own/kept", "pull")] // denied to somebody else
    [InlineData("mine/app", "")] // allowed to a group
    [InlineData("most/app", "")] // allowed to all but a group
    [InlineData("out/app", "")] // denied to all but a group
    public void What_is_not_known_of_groups_allows_nothing_and_denies_what_any_group_is_denied(string repository, string granted)
    {
        var policy = PolicyText.Policy("""
            version: 1
            groups: { local: ["group:ci:outer"] }
            rules:
              - { id: own, to: ["user:ci:app"], allow: [pull], on: ["own/**", "out/**"] }
              - { id: free, to: [anyone], allow: [pull], on: ["free/**"] }
              - { id: not-secret, to: ["group:ci:production"], deny: [pull], on: ["own/secret"] }
              - { id: not-nested, to: ["group:local"], deny: [pull], on: ["own/nested"] }
              - { id: not-of, to: [authenticated], deny: [pull], on: ["own/of/{group}"] }
              - { id: not-kept, to: [user:bob], deny: [pull], on: ["own/kept"] }
              - { id: mine, to: ["group:ci:staging"], allow: [pull], on: ["mine/**"] }
              - { id: most, to: [authenticated], except: ["group:ci:production"], allow: [pull], on: ["most/**"] }
              - { id: not-out, to: [authenticated], except: ["group:ci:staging"], deny: [pull], on: ["out/**"] }

            """);
        var caller = new Caller("ci:app", [], null, "registry", SignIn.Oidc) { AreGroupsUnknown = true };
        Assert.Equal(
            granted,
            policy.Decide(caller, PolicyText.Scope($"{repository}:pull"), DateTimeOffset.UnixEpoch).Granted.Actions.ToString());
    }

    [Fact]
    public void Nothing_is_allowed_that_no_rule_allows()
    {
        var policy = PolicyText.Policy("version: 1");
        Assert.Equal("", policy.Granted("alice", "platform/api:pull,push,delete,*"));
    }

    [Fact]
    public void What_several_rules_allow_adds_up()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [anyone], allow: reader, on: ["lib/**"] }
              - { id: b, to: [user:alice], allow: [push], on: ["lib/**"] }
            """);
        Assert.Equal("pull,push", policy.Granted("alice", "lib/x:pull,push,delete"));
        Assert.Equal("pull", policy.Granted("bob", "lib/x:pull,push,delete"));
    }

    [Fact]
    public void A_deny_beats_every_allow()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [user:alice], allow: ["*"], on: ["**"] }
              - { id: freeze, to: [anyone], deny: [push], on: ["prod/**"] }
            """);
        Assert.Equal("pull,push,delete,*", policy.Granted("alice", "dev/x:*"));
        Assert.Equal("pull,delete", policy.Granted("alice", "prod/x:*"));
        Assert.Equal("pull", policy.Granted("alice", "prod/x:pull,push"));
        Assert.Equal("", policy.Granted("alice", "prod/x:push"));
    }

    [Fact]
    public void A_deny_of_every_action_leaves_none()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [user:alice], allow: ["*"], on: ["**"] }
              - { id: closed, to: [authenticated], deny: ["*"], on: ["old/**"] }
            """);
        Assert.Equal("", policy.Granted("alice", "old/x:pull,push,delete,*"));
    }

    [Fact]
    public void Except_takes_subjects_out_of_a_rule()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [authenticated], allow: developer, on: ["**"] }
              - { id: freeze, to: [anyone], deny: [push], on: ["prod/**"], except: [group:platform] }
            """);
        Assert.Equal("pull,push", policy.Granted("alice", "prod/x:pull,push"));
        Assert.Equal("pull", policy.Granted("carol", "prod/x:pull,push"));
    }

    [Fact]
    public void Anyone_includes_anonymous_callers_and_authenticated_does_not()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [anyone], allow: [pull], on: ["open/**"] }
              - { id: b, to: [authenticated], allow: [pull], on: ["closed/**"] }
            """);
        Assert.Equal("pull", policy.Granted("", "open/x:pull"));
        Assert.Equal("", policy.Granted("", "closed/x:pull"));
        Assert.Equal("pull", policy.Granted("robot:x", "closed/x:pull"));
    }

    [Fact]
    public void A_robot_is_not_the_user_of_the_same_name()
    {
        var policy = PolicyText.Rules("""
              - { id: r, to: [robot:ci], allow: [push], on: ["a/**"] }
              - { id: u, to: [user:ci], allow: [push], on: ["b/**"] }
            """);
        Assert.Equal("push", policy.Granted("robot:ci", "a/x:push"));
        Assert.Equal("", policy.Granted("robot:ci", "b/x:push"));
        Assert.Equal("", policy.Granted("ci", "a/x:push"));
    }

    [Fact]
    public void Groups_hold_accounts_robots_directory_groups_and_other_groups()
    {
        var policy = PolicyText.Rules("""  - { id: a, to: [group:everybody], allow: [pull], on: ["x"] }""");
        Assert.Equal("pull", policy.Granted("alice", "x:pull"));
        Assert.Equal("pull", policy.Granted("robot:ci", "x:pull"));
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", ["ldap:staff"]), "x:pull"));
        Assert.Equal("", policy.Granted("eve", "x:pull"));
    }

    [Fact]
    public void A_group_that_the_identity_names_counts_with_the_groups_that_hold_it()
    {
        var policy = PolicyText.Rules("""  - { id: a, to: [group:everybody], allow: [pull], on: ["x"] }""");
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", ["platform"]), "x:pull"));
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", ["group:platform"]), "x:pull"));
    }

    [Theory]
    [InlineData("ldap:Platform")]
    [InlineData("ldap:PLATFORM")]
    [InlineData("LDAP:platform")]
    public void The_case_of_a_directory_groups_name_does_not_count(string given)
    {
        var policy = PolicyText.Rules("""  - { id: a, to: ["ldap:platForm"], allow: [pull], on: ["{group}/x"] }""");
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", [given]), "platform/x:pull"));
    }

    [Fact]
    public void A_directory_group_is_known_by_its_distinguished_name_too()
    {
        var policy = PolicyText.Rules("""  - { id: a, to: ["ldap:cn=Platform,ou=groups,dc=example,dc=com"], allow: [pull], on: ["x"] }""");
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", ["ldap:CN=platform,OU=groups,DC=example,DC=com"]), "x:pull"));
    }

    [Fact]
    public void A_directory_group_is_not_the_local_group_of_the_same_name()
    {
        var policy = PolicyText.Rules("""  - { id: a, to: [group:platform], allow: [pull], on: ["x"] }""");
        Assert.Equal("", policy.Granted(PolicyText.Caller("eve", ["ldap:platform"]), "x:pull"));
    }

    [Fact]
    public void The_account_placeholder_stands_for_the_callers_own_name()
    {
        var policy = PolicyText.Rules("""  - { id: own, to: [anyone], allow: [push], on: ["users/{account}/**"] }""");
        Assert.Equal("push", policy.Granted("alice", "users/alice/app:push"));
        Assert.Equal("", policy.Granted("alice", "users/bob/app:push"));
        Assert.Equal("", policy.Granted("alice", "users/alice2/app:push"));
        Assert.Equal("", policy.Granted("alice", "users/alice:push"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("**")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("{group}")]
    [InlineData("Alice")]
    [InlineData("a b")]
    [InlineData("robot:ci")]
    public void An_account_that_is_no_path_component_never_matches_a_placeholder(string account)
    {
        var policy = PolicyText.Rules(
            """  - { id: own, to: [anyone], allow: [push], on: ["users/{account}/**", "{account}/**", "{account}"] }""");
        foreach (var name in new[] { "users/a/b/c", "users/alice/x", "a/b/c", "users/ci/x", "b" })
        {
            Assert.Equal("", policy.Granted(account, name + ":push"));
        }
    }

    [Fact]
    public void The_group_placeholder_stands_for_each_of_the_callers_groups()
    {
        var policy = PolicyText.Rules("""  - { id: teams, to: [authenticated], allow: [push], on: ["teams/{group}/**"] }""");
        var eve = PolicyText.Caller("eve", ["ldap:Red", "ldap:cn=blue,dc=x", "ldap:*", "ldap:.."]);
        Assert.Equal("push", policy.Granted(eve, "teams/red/app:push"));
        Assert.Equal("", policy.Granted(eve, "teams/blue/app:push"));
        Assert.Equal("push", policy.Granted("alice", "teams/platform/app:push"));
        Assert.Equal("push", policy.Granted("alice", "teams/everybody/app:push"));
        Assert.Equal("", policy.Granted("carol", "teams/platform/app:push"));
    }

    [Fact]
    public void Other_types_of_resource_are_never_matched_by_repository_patterns()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [user:alice], allow: ["*"], on: ["**"] }
              - { id: b, to: [user:bob], allow: ["*"], on: ["registry:catalog"] }
            """);
        Assert.Equal("", policy.Granted("alice", "registry:catalog:*"));
        Assert.Equal("*", policy.Granted("bob", "registry:catalog:*"));
        Assert.Equal("", policy.Granted("bob", "catalog:pull"));
    }

    [Fact]
    public void A_repository_with_a_host_is_named_with_its_type()
    {
        var policy = PolicyText.Rules("""  - { id: a, to: [anyone], allow: [pull], on: ["repository:localhost:5000/lib/**"] }""");
        Assert.Equal("pull", policy.Granted("", "repository:localhost:5000/lib/x:pull"));
        Assert.Equal("", policy.Granted("", "lib/x:pull"));
    }

    [Theory]
    [InlineData("10.1.2.3", "pull")]
    [InlineData("::ffff:10.1.2.3", "pull")]
    [InlineData("2001:db8::5", "pull")]
    [InlineData("192.0.2.7", "pull")]
    [InlineData("192.0.2.8", "")]
    [InlineData("2001:db9::5", "")]
    [InlineData(null, "")]
    public void A_rule_can_ask_for_networks(string? ip, string granted)
    {
        var policy = PolicyText.Rules(
            """  - { id: a, to: [anyone], allow: [pull], on: ["x"], when: { ip: [10.0.0.0/8, "2001:db8::/32", 192.0.2.7] } }""");
        Assert.Equal(granted, policy.Granted(PolicyText.Caller(ip: ip), "x:pull"));
    }

    [Fact]
    public void A_deny_for_a_network_holds_when_the_address_is_unknown()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [anyone], allow: [pull], on: ["x"] }
              - { id: b, to: [anyone], deny: [pull], on: ["x"], when: { ip: [10.0.0.0/8] } }
            """);
        Assert.Equal("pull", policy.Granted(PolicyText.Caller(ip: "192.0.2.1"), "x:pull"));
        Assert.Equal("", policy.Granted(PolicyText.Caller(ip: "10.0.0.1"), "x:pull"));
        Assert.Equal("", policy.Granted(PolicyText.Caller(ip: null), "x:pull"));
    }

    [Fact]
    public void A_rule_can_ask_for_a_service_and_a_way_of_signing_in()
    {
        var policy = PolicyText.Rules(
            """  - { id: a, to: [authenticated], allow: [pull], on: ["x"], when: { service: [prod], signedInBy: [ldap, token] } }""");
        Assert.Equal("pull", policy.Granted(PolicyText.Caller("eve", service: "prod", signedInBy: "ldap"), "x:pull"));
        Assert.Equal("", policy.Granted(PolicyText.Caller("eve", service: "dev", signedInBy: "ldap"), "x:pull"));
        Assert.Equal("", policy.Granted(PolicyText.Caller("eve", service: "prod", signedInBy: "htpasswd"), "x:pull"));
    }

    [Theory]
    [InlineData("until: 2026-06-15", "2026-06-15T23:59:59Z", "pull")]
    [InlineData("until: 2026-06-15", "2026-06-16T00:00:00Z", "")]
    [InlineData("until: 2026-06-15T18:00:00+02:00", "2026-06-15T15:59:59Z", "pull")]
    [InlineData("until: 2026-06-15T18:00:00+02:00", "2026-06-15T16:00:00Z", "")]
    [InlineData("until: 2026-06-15 18:00, timeZone: Europe/Berlin", "2026-06-15T16:00:00Z", "")]
    [InlineData("until: 2026-06-15, timeZone: America/New_York", "2026-06-16T03:59:59Z", "pull")]
    [InlineData("until: 2026-06-15, timeZone: America/New_York", "2026-06-16T04:00:00Z", "")]
    [InlineData("from: 2026-06-15", "2026-06-14T23:59:59Z", "")]
    [InlineData("from: 2026-06-15", "2026-06-15T00:00:00Z", "pull")]
    public void A_rule_can_begin_and_end(string when, string now, string granted)
    {
        var policy = PolicyText.Rules($$"""  - { id: a, to: [anyone], allow: [pull], on: ["x"], when: { {{when}} } }""");
        Assert.Equal(
            granted, policy.Granted(
                PolicyText.Caller(), "x:pull", DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void The_decision_names_the_deciding_rules_with_their_lines()
    {
        var policy = PolicyText.Rules("""
              - { id: a, to: [authenticated], allow: developer, on: ["**"] }
              - { id: b, to: [anyone], deny: [push], on: ["prod/**"] }
            """);
        var decision = policy.Decide("alice", "prod/x:pull,push");
        Assert.Equal("rule 'a' (a.yaml:7)", Assert.Single(decision.AllowedBy).ToString());
        Assert.Equal("rule 'b' (a.yaml:8)", Assert.Single(decision.DeniedBy).ToString());
        Assert.Equal("push", decision.Refused.ToString());
    }

    [Theory]
    [InlineData("alice", "prod/x:push", "rule 'release-freeze' denies push")]
    [InlineData("alice", "prod/x:push,delete", "rule 'release-freeze' denies push and delete")]
    [InlineData("alice", "prod/x:pull,push", "rule 'release-freeze' denies push; no rule allows alice to pull prod/x")]
    [InlineData("alice", "platform/api:push", "no rule allows alice to push to platform/api")]
    [InlineData("alice", "platform/api:push,delete", "no rule allows alice to push to or delete from platform/api")]
    [InlineData("alice", "platform/api:*", "no rule allows alice every action on platform/api")]
    [InlineData("", "platform/api:pull", "no rule allows anonymous callers to pull platform/api; sign in with docker login")]
    [InlineData("alice", "registry:catalog:*", "no rule allows alice to list the repositories of the registry")]
    [InlineData("root", "prod/x:*", "rule 'release-freeze' denies push and delete")]
    [InlineData("root", "other/x:*", null)]
    public void A_refusal_has_one_sentence_for_the_caller(string account, string scope, string? reason)
    {
        var policy = PolicyText.Rules("""
              - { id: root, to: [user:root], allow: ["*"], on: ["**"] }
              - { id: release-freeze, to: [anyone], deny: [push, delete], on: ["prod/**"] }
            """);
        Assert.Equal(reason, policy.Decide(account, scope).Reason);
    }
}
