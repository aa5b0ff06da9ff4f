using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task A_login_code_is_found_by_its_secret_and_used_once_however_many_try_at_once()
    {
        var code = CodeOf();
        Assert.True(await One.LoginCodes.AddAsync(code, Hash("1"), 0));
        Assert.Equal(code, await Other.LoginCodes.FindAsync(Hash("1")));
        Assert.Null(await Other.LoginCodes.FindAsync(Hash("2")));

        Clock.Advance(TimeSpan.FromMinutes(1));
        var uses = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? One : Other).LoginCodes.UseAsync(Hash("1"), Now)));
        Assert.Single(uses, used => used);
        Assert.Equal(code with { Used = Now }, await One.LoginCodes.FindAsync(Hash("1")));
        Assert.False(await One.LoginCodes.UseAsync(Hash("2"), Now));
    }

    [Fact]
    public async Task An_expired_login_code_is_not_used_and_after_a_while_swept()
    {
        await One.LoginCodes.AddAsync(CodeOf(), Hash("1"), 0);
        Clock.Advance(LoginCode.Lifetime);
        Assert.False(await Other.LoginCodes.UseAsync(Hash("1"), Now));
        Assert.Equal(0, await Other.LoginCodes.SweepAsync(Now - TimeSpan.FromSeconds(1)));
        Assert.NotNull(await One.LoginCodes.FindAsync(Hash("1")));
        Assert.Equal(1, await Other.LoginCodes.SweepAsync(Now));
        Assert.Null(await One.LoginCodes.FindAsync(Hash("1")));
    }

    [Fact]
    public async Task What_ends_an_account_ends_its_login_codes_in_any_spelling_and_those_that_are_made_late()
    {
        await One.LoginCodes.AddAsync(CodeOf(), Hash("1"), 0);
        await One.LoginCodes.AddAsync(CodeOf("Alice"), Hash("2"), 0);
        await One.LoginCodes.AddAsync(CodeOf("bob"), Hash("3"), 0);
        await Other.Grants.EndAllAsync("alice");
        Assert.False(await One.LoginCodes.UseAsync(Hash("1"), Now));
        Assert.Null(await One.LoginCodes.FindAsync(Hash("2")));
        Assert.False(await One.LoginCodes.AddAsync(CodeOf(), Hash("4"), 0));
        Assert.True(await One.LoginCodes.AddAsync(CodeOf(), Hash("5"), await One.Revocations.NewestOfAccountsAsync()));
        Assert.Null(await Other.Suspensions.SuspendAsync("bob", "root", "", Now));
        Assert.Null(await One.LoginCodes.FindAsync(Hash("3")));
        Assert.False(await One.LoginCodes.AddAsync(CodeOf("bob"), Hash("6"), await One.Revocations.NewestOfAccountsAsync()));
    }

    [Fact]
    public async Task An_account_has_so_many_login_codes_and_the_oldest_goes()
    {
        for (var i = 0; i <= LoginCode.MaxPerAccount; i++)
        {
            Assert.True(await (i % 2 == 0 ? One : Other).LoginCodes.AddAsync(CodeOf(), Hash($"{i}"), 0));
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Null(await One.LoginCodes.FindAsync(Hash("0")));
        Assert.NotNull(await One.LoginCodes.FindAsync(Hash("1")));
        Assert.NotNull(await One.LoginCodes.FindAsync(Hash($"{LoginCode.MaxPerAccount}")));
    }

    private LoginCode CodeOf(string account = "alice") =>
        new(account, new AccountOrigin("ldap:corp", "entry-1", null), Now, Now + LoginCode.Lifetime, null);
}
