using AuthIndex.TokenServer.Identity.Oidc.People;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task An_account_of_a_provider_is_found_as_it_last_signed_in()
    {
        Assert.Null(await One.People.FindAsync("corp:alice"));
        var person = new Person("corp:alice", "corp", "id-1", ["corp:developers", "corp:a \"b\", ü"], Now);
        await One.People.SetAsync(person);
        Assert.Equivalent(person, await Other.People.FindAsync("corp:alice"), strict: true);
        var later = person with { Subject = "id-2", Groups = [], SignedIn = Now + TimeSpan.FromHours(1) };
        await Other.People.SetAsync(later);
        Assert.Equivalent(later, await One.People.FindAsync("corp:alice"), strict: true);
        Assert.Null(await One.People.FindAsync("corp:Alice"));
        Assert.Equal(0, await One.People.RemoveAsync("other", "id-2"));
        Assert.Equal(0, await One.People.RemoveAsync("corp", "id-1"));
        Assert.Equal(1, await One.People.RemoveAsync("corp", "id-2"));
        Assert.Null(await Other.People.FindAsync("corp:alice"));
    }
}
