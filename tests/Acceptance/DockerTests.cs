using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>What people do with docker, done with docker.</summary>
public sealed class DockerTests(RealParts parts)
{
    [Fact]
    public async Task The_right_password_logs_in_and_a_wrong_one_does_not()
    {
        var up = await parts.UpAsync();
        var docker = await parts.DockerAsync();

        var wrong = await docker.LoginAsync(up.Host, "admin", "not the password");
        Assert.NotEqual(0, wrong.ExitCode);
        Assert.Contains("unauthorized", wrong.All, StringComparison.OrdinalIgnoreCase);

        var stranger = await docker.LoginAsync(up.Host, "nobody", up.AdminPassword);
        Assert.NotEqual(0, stranger.ExitCode);

        var right = await docker.LoginAsync(up.Host, "admin", up.AdminPassword);
        Assert.True(right.ExitCode == 0, right.All);
        Assert.Contains("Login Succeeded", right.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_with_a_layer_beyond_100_MiB_comes_back_as_it_was_pushed()
    {
        var up = await parts.UpAsync();
        var docker = await parts.DockerOfAdminAsync();
        var image = $"{up.Host}/platform/large:1.0";
        var id = await docker.BuildAsync(image, 1_000, 3_000_000, 101 << 20);

        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        var pull = await docker.MustAsync("pull", image);

        Assert.Contains("Downloaded newer image", pull, StringComparison.Ordinal);
        Assert.Equal(id, await docker.ImageIdAsync(image));
        await docker.MustAsync("rmi", image);
    }

    [Fact]
    public async Task A_second_tag_uploads_nothing_and_another_repository_mounts_the_layers()
    {
        var up = await parts.UpAsync();
        var docker = await parts.DockerOfAdminAsync();
        var (first, second, elsewhere) = ($"{up.Host}/platform/layers:1.0", $"{up.Host}/platform/layers:1.1", $"{up.Host}/team/layers:1.0");
        var id = await docker.BuildAsync(first, 10_000, 20_000);
        await docker.MustAsync("push", first);
        await docker.MustAsync("tag", first, second);
        await docker.MustAsync("tag", first, elsewhere);

        var again = await docker.MustAsync("push", second);
        Assert.Equal(2, Count(again, "Layer already exists"));
        Assert.DoesNotContain("Pushed", again, StringComparison.Ordinal);

        var mounted = await docker.MustAsync("push", elsewhere);
        Assert.Equal(2, Count(mounted, "Mounted from platform/layers"));

        await docker.MustAsync("rmi", first, second, elsewhere);
        await docker.MustAsync("pull", elsewhere);
        Assert.Equal(id, await docker.ImageIdAsync(elsewhere));
        await docker.MustAsync("rmi", elsewhere);
    }

    [Fact]
    public async Task Anyone_pulls_what_is_public_and_is_told_why_the_rest_is_refused()
    {
        var up = await parts.UpAsync();
        var admin = await parts.DockerOfAdminAsync();
        var (open, closed) = ($"{up.Host}/public/base:1", $"{up.Host}/platform/closed:1");
        var id = await admin.BuildAsync(open, 10_000);
        await admin.MustAsync("tag", open, closed);
        await admin.MustAsync("push", open);
        await admin.MustAsync("push", closed);
        await admin.MustAsync("rmi", open, closed);

        var anonymous = await parts.DockerAsync();
        var refused = await anonymous.RunAsync("pull", closed);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("no rule allows anonymous callers to pull platform/closed", refused.Error, StringComparison.Ordinal);

        await anonymous.MustAsync("pull", open);
        Assert.Equal(id, await anonymous.ImageIdAsync(open));
        await anonymous.MustAsync("rmi", open);
    }

    [Fact]
    public async Task Everyone_has_a_namespace_of_their_own_and_is_told_why_another_is_refused()
    {
        var up = await parts.UpAsync();
        await up.AddUserAsync("alice", "a password of alice");
        var alice = await parts.DockerAsync();
        Assert.Equal(0, (await alice.LoginAsync(up.Host, "alice", "a password of alice")).ExitCode);
        var (own, other) = ($"{up.Host}/users/alice/app:1", $"{up.Host}/users/bob/app:1");
        await alice.BuildAsync(own, 10_000);
        await alice.MustAsync("tag", own, other);

        await alice.MustAsync("push", own);
        var refused = await alice.RunAsync("push", other);

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("denied: ", refused.Error, StringComparison.Ordinal);
        Assert.Contains("no rule allows alice to pull or push to users/bob/app", refused.Error, StringComparison.Ordinal);
        await alice.MustAsync("rmi", own, other);
    }

    [Fact]
    public async Task An_image_outlives_a_restart_of_the_registry()
    {
        var docker = await parts.DockerAsync();
        await using var first = await AuthIndexUp.StartAsync();
        Assert.Equal(0, (await docker.LoginAsync(first.Host, "admin", first.AdminPassword)).ExitCode);
        var image = $"{first.Host}/platform/kept:1";
        var id = await docker.BuildAsync(image, 1_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        Assert.Equal(0, (await first.TerminateAsync()).ExitCode);

        await using var second = await AuthIndexUp.StartAsync("--data", first.Data, "--registry", first.Host);

        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));
        await docker.MustAsync("rmi", image);
    }

    [Fact]
    public async Task An_edited_policy_is_in_force_without_a_restart()
    {
        using var folder = new TemporaryDirectory();
        var policy = Path.Combine(folder.Root, "policy.yaml");
        const string team = "version: 1\nrules:\n  - {id: team, to: [\"user:admin\"], allow: [pull, push], on: [\"team/**\"]}\n";
        const string frozen = team + "  - {id: freeze, to: [anyone], deny: [push], on: [\"team/**\"]}\n";
        await File.WriteAllTextAsync(policy, team, TestContext.Current.CancellationToken);
        await using var up = await AuthIndexUp.StartAsync("--policies", folder.Root);
        var docker = await parts.DockerAsync();
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "admin", up.AdminPassword)).ExitCode);
        var image = $"{up.Host}/team/app:1";
        await docker.BuildAsync(image, 1_000);
        await docker.MustAsync("push", image);

        await File.WriteAllTextAsync(policy, frozen, TestContext.Current.CancellationToken);
        var push = await PushUntilAsync(p => p.ExitCode != 0);
        Assert.Contains("rule 'freeze' denies push", push.Error, StringComparison.Ordinal);

        // A file at fault changes nothing: the freeze stays.
        await File.WriteAllTextAsync(policy, team + "  - {id: team}\n", TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(
            () => up.Log.Contains("policy.yaml:4", StringComparison.Ordinal), TimeSpan.FromSeconds(20), () => up.Log);
        Assert.NotEqual(0, (await docker.RunAsync("push", image)).ExitCode);

        await File.WriteAllTextAsync(policy, team, TestContext.Current.CancellationToken);
        await PushUntilAsync(p => p.ExitCode == 0);
        await docker.MustAsync("rmi", image);

        async Task<ProcessResult> PushUntilAsync(Func<ProcessResult, bool> wanted)
        {
            ProcessResult? last = null;
            await Eventually.TrueAsync(
                async () => wanted(last = await docker.RunAsync("push", image)), TimeSpan.FromSeconds(20), () => $"{last}\n{up.Log}");
            return last!;
        }
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
