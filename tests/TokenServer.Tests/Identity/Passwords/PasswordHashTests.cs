using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Passwords;

public sealed class PasswordHashTests
{
    [Fact]
    public void A_made_hash_is_bcrypt_of_cost_10_with_a_fresh_salt_and_verifies()
    {
        var (one, two) = (PasswordHash.Make("pässwörd 🔑"), PasswordHash.Make("pässwörd 🔑"));
        Assert.StartsWith("$2y$10$", one, StringComparison.Ordinal);
        Assert.NotEqual(one, two);
        Assert.Null(PasswordHash.Problem(one));
        using var scratch = new PasswordHash.Scratch();
        Assert.True(scratch.Verify("pässwörd 🔑", one));
        Assert.False(scratch.Verify("passwörd 🔑", one));
    }

    [Theory]
    [InlineData(72, null)]
    [InlineData(73, "72")]
    public void A_password_longer_than_bcrypt_reads_is_refused(int length, string? problem)
    {
        var told = PasswordHash.NewPasswordProblem(new string('x', length));
        if (problem is null) Assert.Null(told);
        else Assert.Contains(problem, told, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void A_password_that_C_would_read_otherwise_is_refused(string password)
    {
        Assert.NotNull(PasswordHash.NewPasswordProblem(password));
        Assert.Throws<ArgumentException>(() => PasswordHash.Make(password));
    }

    [Fact]
    public void A_setting_that_is_none_makes_no_hash()
    {
        using var scratch = new PasswordHash.Scratch();
        Assert.Null(scratch.Hash("x", "$nonsense$"));
        Assert.False(scratch.Verify("x", "*0"));
    }
}
