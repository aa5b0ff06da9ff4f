using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Connections;

public sealed class DirectorySessionTests : IDirectoryConnector, IDisposable
{
    private readonly FakeTimeProvider clock = new();
    private readonly DirectorySession session;
    private readonly List<string> connected = [];
    private Action<DirectoryServer, int>? onBind;
    private TimeSpan lastWithin;

    public DirectorySessionTests()
    {
        var settings = DirectorySettings.Read(
            [new LdapDirectoryOptions { Name = "x", Servers = ["ldap://127.0.0.1:1", "ldap://127.0.0.1:2"], AnonymousSearch = true,
                BaseDn = "dc=org" }])[0];
        session = new DirectorySession(settings, new ServerGroup(settings, clock, NullLogger.Instance), this, clock, NullLogger.Instance);
    }

    public void Dispose() => session.Dispose();

    [Fact]
    public void A_connection_is_kept_until_it_has_lain_idle_for_long()
    {
        Bind();
        Bind();
        Assert.Equal(["1"], connected);

        clock.Advance(TimeSpan.FromMinutes(2));
        Bind();
        Assert.Equal(["1", "1"], connected);
    }

    [Fact]
    public void A_connection_that_was_cut_is_made_anew_at_the_same_server()
    {
        Bind();
        onBind = (_, number) => Fail(number == 1, isTimeout: false);
        Bind();
        Assert.Equal(["1", "1"], connected);
    }

    [Fact]
    public void A_server_whose_time_ran_out_is_not_waited_for_twice()
    {
        Bind();
        onBind = (server, _) => Fail(server.Port == 1, isTimeout: true);
        Bind();
        Assert.Equal(["1", "2"], connected);
    }

    [Fact]
    public void When_no_server_answers_all_reasons_are_told()
    {
        onBind = (_, _) => Fail(true, isTimeout: false);
        for (var i = 0; i < DirectoryBreaker.Tolerated; i++) Assert.Throws<DirectoryUnavailableException>(Bind);
        var outage = Assert.Throws<DirectoryUnavailableException>(Bind);
        Assert.Equal(TimeSpan.FromSeconds(10), outage.RetryAfter);

        connected.Clear();
        Assert.Throws<DirectoryUnavailableException>(Bind);
        Assert.Empty(connected);
    }

    [Fact]
    public void Who_waited_too_long_in_the_queue_is_not_served_any_more()
    {
        var deadline = new Deadline(TimeSpan.FromSeconds(10), clock);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Throws<DirectoryUnavailableException>(() => session.Run(deadline, c => c.Bind("cn=x", "y")));
        Assert.Empty(connected);
    }

    [Fact]
    public void An_answer_gets_no_more_time_than_the_sign_in_has_left_and_a_third_of_it_before_another_server_is_asked()
    {
        var deadline = new Deadline(TimeSpan.FromSeconds(10), clock);
        clock.Advance(TimeSpan.FromSeconds(7));
        session.Run(deadline, c => c.Bind("cn=x", "y"));
        Assert.Equal(TimeSpan.FromSeconds(1), lastWithin);

        session.Run(deadline, c => c.Bind("cn=x", "y"));
        Assert.Equal(TimeSpan.FromSeconds(3), lastWithin);
    }

    [Fact]
    public void A_sign_in_stays_with_the_server_that_answered_and_asks_none_twice_that_failed()
    {
        onBind = (server, _) => Fail(server.Port == 1, isTimeout: false);
        var deadline = new Deadline(TimeSpan.FromSeconds(10), clock);
        for (var i = 0; i < 3; i++) session.Run(deadline, c => c.Bind("cn=x", "y"));
        Assert.Equal(["1", "2"], connected);

        Bind();
        Assert.Equal(["1", "2", "1"], connected);
    }

    [Fact]
    public async Task A_server_that_did_not_answer_in_time_is_looked_after_in_the_background()
    {
        onBind = (server, _) => Fail(server.Port == 1, isTimeout: true);
        Bind();
        Bind();
        Assert.Equal(["1", "2"], connected);

        clock.Advance(TimeSpan.FromSeconds(10));
        onBind = null;
        Bind();
        await Eventually.TrueAsync(() => connected.Count == 3, TimeSpan.FromSeconds(10), () => string.Join(' ', connected));
        await Eventually.TrueAsync(
            () =>
            {
                Bind();
                return connected.Count == 4;
            },
            TimeSpan.FromSeconds(10),
            () => string.Join(' ', connected));
        Assert.Equal(["1", "2", "1", "1"], connected);
    }

    IDirectoryConnection IDirectoryConnector.Connect(DirectoryServer server, TimeSpan within)
    {
        connected.Add($"{server.Port}");
        return new Connection(this, server, connected.Count);
    }

    private static void Fail(bool really, bool isTimeout)
    {
        if (really) throw new ServerFailureException("gone", isTimeout: isTimeout);
    }

    private void Bind() => Assert.True(session.Run(new Deadline(TimeSpan.FromSeconds(10), clock), c => c.Bind("cn=x", "y")).IsSuccess);

    private sealed class Connection(DirectorySessionTests test, DirectoryServer server, int number) : IDirectoryConnection
    {
        public BindAnswer Bind(string dn, string password, TimeSpan within)
        {
            test.lastWithin = within;
            test.onBind?.Invoke(server, number);
            return new BindAnswer(0, "");
        }

        public SearchAnswer Search(SearchQuestion question, TimeSpan within) => new([], false);

        public void Dispose()
        {
        }
    }
}
