using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>docker in a CI job: the job's token is its password, and nothing else is stored anywhere.</summary>
public sealed class OidcDockerTests(RealParts parts)
{
    [Fact]
    public async Task A_job_logs_in_with_its_token_and_pushes_what_a_rule_for_its_repository_allows()
    {
        var docker = await parts.DockerAsync();
        await using var issuer = await OidcIssuerServer.StartAsync(TimeProvider.System);
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            "version: 1\nrules:\n  - {id: jobs, to: [\"user:github:example/app\"], allow: [pull, push], on: [\"ci/**\"], when: "
            + "{signedInBy: [oidc]}}\n",
            TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder["authindex.yaml"], $$"""
            tokenServer:
              policiesDirectory: policies
              oidc:
                - name: github
                  issuer: {{issuer.Issuer}}
                  audience: {{OidcIssuerServer.Audience}}
                  account: "{repository}"
                  groups: ["owner:{repository_owner}"]
                  require: { repository_owner: example }

            """, TestContext.Current.CancellationToken);
        await using var up = await AuthIndexUp.StartAsync("--config", folder["authindex.yaml"]);
        var image = $"{up.Host}/ci/app:1";
        var id = await docker.BuildAsync(image, 10_000);
        var token = issuer.Sign(issuer.GitHub());

        Assert.NotEqual(0, (await docker.LoginAsync(up.Host, "oidc", issuer.Sign(issuer.GitHub("stranger/app")))).ExitCode);
        var login = await docker.LoginAsync(up.Host, "oidc", token);
        Assert.True(login.ExitCode == 0, $"{login}\n{up.Log}");
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));

        // By its account's own name, whose second half HTTP takes for the password's beginning; and of another repository.
        var other = await parts.DockerAsync();
        Assert.Equal(0, (await other.LoginAsync(up.Host, "github:example/app", token)).ExitCode);
        await other.MustAsync("push", image);
        Assert.Equal(0, (await other.LoginAsync(up.Host, "oidc", issuer.Sign(issuer.GitHub("example/other")))).ExitCode);
        var refused = await other.RunAsync("push", image);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("no rule allows github:example/other to pull or push to ci/app", refused.Error, StringComparison.Ordinal);
        await docker.MustAsync("rmi", image);
        Assert.DoesNotContain(token.Split('.')[2], up.Log, StringComparison.Ordinal);
    }
}
