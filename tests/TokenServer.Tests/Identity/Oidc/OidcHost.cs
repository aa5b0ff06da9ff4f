using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>A token server that believes issuers, and what is asked of it with their tokens.</summary>
internal static class OidcHost
{
    public const string App = "repository:ci/app:pull,push";

    public const string Policy = """
        version: 1
        groups:
          builders: ["user:gitlab:example/tools/app", "group:kubernetes:build"]
        rules:
          - id: one-repository
            to: ["user:github:example/app"]
            allow: [pull, push]
            on: ["ci/app"]
            when: { signedInBy: [oidc] }
          - id: owner
            to: ["group:github:owner:example"]
            allow: [pull]
            on: ["ci/**"]
          - id: production
            to: ["group:github:environment:production", "group:gitlab:example/infra"]
            allow: [push]
            on: ["prod/**"]
          - id: secret
            to: ["group:github:environment:production"]
            allow: [pull]
            on: ["secret/**"]
          - id: builders
            to: [group:builders]
            allow: [pull, push]
            on: ["built/**"]
          - id: own-namespace
            to: [authenticated]
            allow: [pull, push]
            on: ["users/{account}/**", "{group}/**"]
          - id: people
            to: [authenticated]
            allow: [pull]
            on: ["people/**"]
            when: { signedInBy: [htpasswd] }
        tests:
          - { as: "github:example/app", can: push, on: ci/app, signedInBy: oidc }
          - { as: "github:example/other", groups: ["group:github:owner:example"], can: pull, on: ci/app }
          - { as: "github:example/other", groups: ["group:github:owner:example"], cannot: push, on: ci/app, signedInBy: oidc }

        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>GitHub as its documentation has it configured.</summary>
    public static OidcIssuerOptions GitHub(OidcIssuerServer issuer) => new()
    {
        Name = "github",
        Issuer = issuer.Issuer,
        Audience = [OidcIssuerServer.Audience],
        Account = "{repository}",
        Groups = ["owner:{repository_owner}", "environment:{environment?}"],
        Require = new() { ["repository_owner"] = ["example"], ["ref"] = ["refs/heads/*", "refs/tags/v*"] },
    };

    /// <summary>GitLab likewise.</summary>
    public static OidcIssuerOptions GitLab(OidcIssuerServer issuer) => new()
    {
        Name = "gitlab",
        Issuer = issuer.Issuer,
        Audience = [OidcIssuerServer.Audience],
        Account = "{project_path}",
        Groups = ["{groups_direct[]}"],
        Require = new() { ["project_path"] = ["example/**"], ["ref_protected"] = ["true"] },
    };

    /// <summary>Kubernetes likewise.</summary>
    public static OidcIssuerOptions Kubernetes(OidcIssuerServer issuer) => new()
    {
        Name = "kubernetes",
        Issuer = issuer.Issuer,
        Audience = [OidcIssuerServer.Audience],
        Account = "{kubernetes.io/namespace}:{kubernetes.io/serviceaccount/name}",
        Groups = ["{kubernetes.io/namespace}"],
        Require = new() { ["kubernetes.io/namespace"] = ["build", "deploy"] },
    };

    /// <summary>Starts a token server that believes these issuers.</summary>
    public static Task<TokenServerHost> StartAsync(FakeTimeProvider clock, params OidcIssuerOptions[] issuers) =>
        TokenServerHost.StartAsync(o => o.Oidc.AddRange(issuers), Policy, clock);

    /// <summary>Shows a token as docker does: for the password.</summary>
    public static Task<HttpResponseMessage> ShowAsync(this TokenServerHost host, string token, string user = "oidc", string scope = App) =>
        host.GetAsync($"/token?service=registry&client_id=docker&offline_token=true&scope={scope}", user, token);

    /// <summary>Exchanges a token (RFC 8693).</summary>
    public static Task<HttpResponseMessage> ExchangeAsync(
        this TokenServerHost host, string token, params (string Name, string Value)[] more) =>
        host.FormAsync(
            "/token",
            [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), .. more]);

    /// <summary>Reads the keys of an issuer anew.</summary>
    public static Task<bool> RefreshKeysAsync(this TokenServerHost host, int issuer = 0) =>
        host.Service<OidcIssuers>().All[issuer].Keys.RefreshAsync(Cancel);

    /// <summary>Waits until the audit log has a text.</summary>
    public static Task AuditedAsync(this TokenServerHost host, string text) => Eventually.TrueAsync(
        () => File.Exists(host.Options.AuditPath) && File.ReadAllText(host.Options.AuditPath).Contains(text, StringComparison.Ordinal),
        TimeSpan.FromSeconds(30),
        () =>
            $"'{text}' is not in the audit log:\n{(File.Exists(host.Options.AuditPath) ? File.ReadAllText(host.Options.AuditPath) : "")}");
}
