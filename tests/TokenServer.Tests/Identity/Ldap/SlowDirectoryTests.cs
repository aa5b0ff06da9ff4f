using System.Text;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

/// <summary>A directory that hangs holds up those who need it, for a bounded time, and nobody else.</summary>
public sealed class SlowDirectoryTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly SilentServer silent = new();
    private readonly TemporaryDirectory folder = new();
    private readonly PasswordThreads threads = new(2);

    public void Dispose()
    {
        silent.Dispose();
        folder.Dispose();
        threads.Dispose();
    }

    [Fact]
    public async Task Sign_ins_by_htpasswd_end_while_200_wait_for_a_directory_that_never_answers()
    {
        var options = Options("ldap");
        options.Timeouts.SignIn = options.Timeouts.Operation = options.Timeouts.Connect = TimeSpan.FromSeconds(8);
        using var signIn = new LdapSignIn([Htpasswd("local", "local password")], options);

        var waiting = Enumerable.Range(0, 200).Select(i => signIn.AsAsync($"user{i}", "password")).ToList();
        var local = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => signIn.AsAsync("local", "local password")))
            .WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.All(local, o => Assert.IsType<SignInOutcome.SignedIn>(o));
        Assert.All(waiting, w => Assert.False(w.IsCompleted));

        var outcomes = await Task.WhenAll(waiting).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.All(outcomes, o => Assert.IsType<SignInOutcome.Unavailable>(o));
    }

    [Fact]
    public async Task The_thread_pool_serves_others_while_a_directory_hangs()
    {
        using var signIn = new LdapSignIn(Options("ldap"));
        var waiting = Enumerable.Range(0, 200).Select(i => signIn.AsAsync($"user{i}", "password")).ToList();

        // None of the pool's threads is held: as many jobs as it has threads run at once.
        using var together = new Barrier(Environment.ProcessorCount);
        var jobs = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(() => together.SignalAndWait(Patience))).ToList();
        Assert.All(await Task.WhenAll(jobs).WaitAsync(Patience, TestContext.Current.CancellationToken), Assert.True);
        Assert.Contains(waiting, w => !w.IsCompleted);

        await Task.WhenAll(waiting).WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("ldap", false)]
    [InlineData("ldap", true)]
    [InlineData("ldaps", false)]
    public async Task A_server_that_never_answers_is_given_up_then_left_alone(string scheme, bool startTls)
    {
        var options = Options(scheme);
        options.StartTls = startTls;
        options.Connections = 1;
        using var signIn = new LdapSignIn(options);

        for (var i = 0; i <= DirectoryBreaker.Tolerated; i++)
        {
            var outage = Assert.IsType<SignInOutcome.Unavailable>(
                await signIn.AsAsync($"user{i}", "password").WaitAsync(Patience, TestContext.Current.CancellationToken));
            Assert.Contains("no answer to connect", outage.Reason, StringComparison.Ordinal);
        }

        Assert.Equal(DirectoryHealth.Unavailable, signIn.Health);

        // From now on nobody waits: the answer is there at once.
        var next = signIn.AsAsync("one more", "password");
        Assert.True(next.IsCompleted);
        Assert.Equal(TimeSpan.FromSeconds(10), Assert.IsType<SignInOutcome.Unavailable>(await next).RetryAfter);
    }

    [Fact]
    public async Task A_queue_that_is_full_sends_the_next_away_at_once()
    {
        var options = Options("ldap");
        options.Timeouts.Connect = options.Timeouts.SignIn = TimeSpan.FromSeconds(5);
        (options.Connections, options.QueueLength) = (1, 5);
        using var signIn = new LdapSignIn(options);

        var all = Enumerable.Range(0, 20).Select(i => signIn.AsAsync($"user{i}", "password")).ToList();
        var away = all.FindAll(t => t.IsCompleted);

        Assert.InRange(away.Count, 14, 15);
        foreach (var task in away)
        {
            Assert.Contains(
                "too many sign-ins are waiting", Assert.IsType<SignInOutcome.Unavailable>(await task).Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_next_server_serves_when_the_first_hangs()
    {
        await using var good = new FakeDirectory { OnSearch = s => [new FakeEntry("uid=alice,dc=org", ("uid", ["alice"]))] };
        var options = Options("ldap");
        options.Servers.Add(good.Url);
        using var signIn = new LdapSignIn(options);

        Assert.IsType<SignInOutcome.SignedIn>(
            await signIn.AsAsync("alice", "password").WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    private LdapDirectoryOptions Options(string scheme) => new()
    {
        Name = "slow",
        Servers = [$"{scheme}://127.0.0.1:{silent.Port}"],
        AnonymousSearch = true,
        BaseDn = "dc=org",
        Timeouts =
            { Connect = TimeSpan.FromMilliseconds(300), Operation = TimeSpan.FromMilliseconds(300), SignIn = TimeSpan.FromSeconds(2) },
    };

    private HtpasswdSource Htpasswd(string user, string password)
    {
        File.WriteAllBytes(folder["htpasswd"], Encoding.UTF8.GetBytes($"{user}:{PasswordHash.Make(password)}\n"));
        return new HtpasswdSource(new HtpasswdFile(folder["htpasswd"], TimeProvider.System, NullLogger<HtpasswdFile>.Instance), threads);
    }
}
