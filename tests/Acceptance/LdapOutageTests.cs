using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.Acceptance;

/// <summary>A real directory that stops, comes back, and hangs.</summary>
public sealed class LdapOutageTests(SlapdParts parts) : IClassFixture<SlapdParts>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_restart_is_hardly_noticed_and_a_stop_is_an_outage_until_it_is_over()
    {
        var slapd = await parts.ServerAsync();
        using var signIn = new LdapSignIn(await parts.OptionsAsync());
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user1", "password 1"));

        // The connections that were open are gone, new ones are made at once.
        await slapd.StopAsync();
        await slapd.StartAsync();
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user2", "password 2"));

        await slapd.StopAsync();
        for (var i = 3; i < 8; i++) Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync($"user{i}", $"password {i}"));
        Assert.Equal(DirectoryHealth.Unavailable, signIn.Health);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user1", "password 1"));

        await slapd.StartAsync();
        signIn.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user3", "password 3"));
        Assert.Equal(DirectoryHealth.Ok, signIn.Health);
    }

    [Fact]
    public async Task A_directory_that_hangs_is_given_up_in_time_and_comes_back()
    {
        var slapd = await parts.ServerAsync();
        var options = await parts.OptionsAsync();
        options.Connections = 1;
        options.Timeouts.Connect = options.Timeouts.Operation = TimeSpan.FromMilliseconds(500);
        using var signIn = new LdapSignIn(options);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user1", "password 1"));

        await slapd.FreezeAsync();
        try
        {
            for (var i = 2; i < 6; i++)
            {
                Assert.IsType<SignInOutcome.Unavailable>(
                    await signIn.AsAsync($"user{i}", $"password {i}").WaitAsync(Patience, TestContext.Current.CancellationToken));
            }

            Assert.Equal(DirectoryHealth.Unavailable, signIn.Health);
        }
        finally
        {
            slapd.Thaw();
        }

        signIn.Clock.Advance(TimeSpan.FromSeconds(10));
        options.Timeouts.Operation = TimeSpan.FromSeconds(10);
        Assert.IsType<SignInOutcome.SignedIn>(
            await signIn.AsAsync("user2", "password 2").WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Nobody_waits_long_for_a_first_server_that_hangs()
    {
        var slapd = await parts.ServerAsync();
        await using var hanging = await SlapdServer.StartAsync(LdapPeople.Ldif());
        var options = await parts.OptionsAsync();
        options.Servers = [hanging.Url, slapd.Url];
        using var signIn = new LdapSignIn(options);
        using var other = new LdapSignIn(options);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user1", "password 1"));

        await hanging.FreezeAsync();
        try
        {
            // One has connections to it that were open, one has to make them.
            Assert.InRange(await TakesAsync(signIn, 2), TimeSpan.Zero, TimeSpan.FromSeconds(4));
            Assert.InRange(await TakesAsync(other, 2), TimeSpan.Zero, TimeSpan.FromSeconds(4));
            for (var i = 3; i < 9; i++)
            {
                signIn.Clock.Advance(options.Timeouts.Retry);
                Assert.InRange(await TakesAsync(signIn, i), TimeSpan.Zero, TimeSpan.FromSeconds(1));
            }
        }
        finally
        {
            hanging.Thaw();
        }

        await Eventually.TrueAsync(
            async () =>
            {
                signIn.Clock.Advance(options.Timeouts.Retry);
                await signIn.AsAsync("user9", "not the password");
                return signIn.Health == DirectoryHealth.Ok;
            },
            Patience,
            () => "the server that hung is not used again");

        static async Task<TimeSpan> TakesAsync(LdapSignIn signIn, int user)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync($"user{user}", $"password {user}"));
            return watch.Elapsed;
        }
    }

    [Fact]
    public async Task The_second_server_serves_while_the_first_is_away_and_the_first_is_preferred_again()
    {
        var slapd = await parts.ServerAsync();
        await using var other = await SlapdServer.StartAsync(LdapPeople.Ldif());
        var options = await parts.OptionsAsync();
        options.Servers = [other.Url, slapd.Url];
        using var signIn = new LdapSignIn(options);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user1", "password 1"));
        await Eventually.TrueAsync(
            () => other.Binds($"uid=user1,{LdapPeople.People}") == 1, Patience, () => "the first server was not asked");

        await other.StopAsync();
        for (var i = 2; i < 8; i++) Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync($"user{i}", $"password {i}"));
        Assert.Equal(DirectoryHealth.Degraded, signIn.Health);

        await other.StartAsync();
        signIn.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user8", "password 8"));
        await Eventually.TrueAsync(() => signIn.Health == DirectoryHealth.Ok, Patience, () => "nobody looked after the first server");
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user9", "password 9"));
        await Eventually.TrueAsync(
            () => other.Binds($"uid=user9,{LdapPeople.People}") == 1, Patience, () => "the first server was not asked again");
        Assert.Equal(DirectoryHealth.Ok, signIn.Health);
    }
}
