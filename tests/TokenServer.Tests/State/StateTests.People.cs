using AuthIndex.TokenServer.Identity.Oidc.People;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task An_account_of_a_provider_is_found_as_it_last_signed_in()
    {
        Assert.Null(await One.People.FindAsync("corp:alice"));
        var person = new Person("corp:alice", "corp", "id-1", ["corp:developers", "corp:a \"b\", ü"], Now);
        Assert.Equivalent(person, await One.People.SetAsync(person, Lapsed), strict: true);
        Assert.Equivalent(person, await Other.People.FindAsync("corp:alice"), strict: true);
        var later = person with { Subject = "id-2", Groups = [], SignedIn = Now + TimeSpan.FromHours(1) };
        await Other.People.SetAsync(later, Lapsed);
        Assert.Equivalent(later, await One.People.FindAsync("corp:alice"), strict: true);
        Assert.Null(await One.People.FindAsync("corp:Alice"));
        Assert.Equal(0, await One.People.EndAsync("other", "id-2"));
        Assert.Equal(0, await One.People.EndAsync("corp", "id-1"));
        Assert.Equal(1, await One.People.EndAsync("corp", "id-2"));
        Assert.Equal(DateTimeOffset.UnixEpoch, (await Other.People.FindAsync("corp:alice"))!.SignedIn);
        Assert.Equal(0, await One.People.EndAsync("corp", "id-2")); // it has ended already
    }

    [Fact]
    public async Task A_name_of_a_provider_is_one_persons_in_whatever_case_until_their_sign_in_lapses()
    {
        var alice = new Person("corp:Ålice", "corp", "id-1", [], Now);
        await One.People.SetAsync(alice, Lapsed);

        // The same person keeps the spelling, even after the sign-in was ended.
        Assert.Equal("corp:Ålice", (await Other.People.SetAsync(alice with { Account = "corp:åLICE" }, Lapsed))!.Account);
        await One.People.EndAsync("corp", "id-1");
        Assert.Equal("corp:Ålice", (await Other.People.SetAsync(alice with { Account = "corp:åLICE" }, Lapsed))!.Account);

        // Somebody else may not use another one, while it holds.
        var other = alice with { Account = "corp:ålice", Subject = "id-2" };
        Assert.Null(await Other.People.SetAsync(other, Lapsed));
        Assert.Null(await One.People.FindAsync("corp:ålice"));
        Assert.NotNull(await One.People.SetAsync(other with { Account = "other:ålice", Provider = "other" }, Lapsed));
        Assert.Equal("corp:ålice", (await One.People.SetAsync(other, alice.SignedIn))!.Account);
        Assert.Null(await One.People.SetAsync(alice, Lapsed)); // now it is theirs
        Assert.Null(await One.People.SetAsync(alice with { Account = other.Account }, Lapsed)); // in whatever spelling
        Assert.Equal(["corp:Ålice", "corp:ålice"], (await Other.People.AlikeAsync("corp:ÅLICE ")).Order(StringComparer.Ordinal));
        Assert.Empty(await One.People.AlikeAsync("corp:bob"));
        Assert.Empty(await One.People.AlikeAsync("ålice"));
    }

    [Fact]
    public async Task Of_two_who_take_spellings_of_one_name_at_once_one_gets_it()
    {
        var both = await Task.WhenAll(
            One.People.SetAsync(new Person("corp:bob", "corp", "id-1", [], Now), Lapsed),
            Other.People.SetAsync(new Person("corp:BOB", "corp", "id-2", [], Now), Lapsed));
        Assert.Single(both, p => p is not null);
    }

    private DateTimeOffset Lapsed => Now - TimeSpan.FromHours(12);
}
