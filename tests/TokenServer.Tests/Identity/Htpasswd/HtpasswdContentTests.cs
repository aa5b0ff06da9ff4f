using System.Text;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Htpasswd;

public sealed class HtpasswdContentTests
{
    private const string Good = "$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";

    [Theory]
    [InlineData("$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq")]
    [InlineData("$2b$04$abcdefghijklmnopqrstuuUjZTeDDwje0UmqCY0iGhdozEfNTDyA6")]
    [InlineData("$2a$04$abcdefghijklmnopqrstuuUjZTeDDwje0UmqCY0iGhdozEfNTDyA6")]
    [InlineData("$6$saltsalt$VujKQZzQbDEUl3DrJwM1DxD5yUvNz7l/I9OKuC4Ufj16O6r3LLhoQIQWOf0muwWY89loyFl4nmczip6Lygmxq.")]
    [InlineData("$5$saltsalt$VKPqu9KTnLOODqPPEcgStbkXPCG9t3YJz9ZXz0S6wAA")]
    [InlineData("$1$saltsalt$.6bwC/uG44wGv4TX75zCb.")]
    public void A_hash_of_a_known_kind_is_taken_and_checked(string hash)
    {
        var content = Parse($"alice:{hash}\n");
        Assert.Empty(content.Problems);
        using var scratch = new PasswordHash.Scratch();
        Assert.True(scratch.Verify(TokenServerHost.AlicePassword, content.Find("alice")!.Hash!));
        Assert.False(scratch.Verify(TokenServerHost.AlicePassword + "x", content.Find("alice")!.Hash!));
    }

    [Theory]
    [InlineData("$apr1$saltsalt$OgHglPRsVOFs98x6OTbLE0", "$apr1$")]
    [InlineData("{SHA}LnNEJV8jKtmfFq9Xj5SGUhsNZSU=", "{SHA}")]
    [InlineData("alice-password", "not a known kind of hash")]
    [InlineData("", "there is no hash")]
    [InlineData("$2y$04$short", "not a complete bcrypt hash")]
    [InlineData("$2y$31$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq", "cost")]
    [InlineData("$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHp!", "not a complete bcrypt hash")]
    [InlineData("$6$saltsalt$tooshort", "not a known kind of hash")]
    public void A_hash_that_cannot_be_used_locks_out_only_its_account_and_is_reported_with_line_and_remedy(string hash, string problem)
    {
        var content = Parse($"# people\nalice:{hash}\nbob:{Good}\n");
        var told = Assert.Single(content.Problems);
        Assert.StartsWith("file:2:1", told.ToString(), StringComparison.Ordinal);
        Assert.Contains(problem, told.Message, StringComparison.Ordinal);
        Assert.Contains("htpasswd -B", told.Message, StringComparison.Ordinal);
        if (hash.Length > 20) Assert.DoesNotContain(hash, told.Message, StringComparison.Ordinal);
        Assert.Null(content.Find("alice")!.Hash);
        Assert.NotNull(content.Find("bob")!.Hash);
    }

    [Theory]
    [InlineData("\uFEFFalice:{0}\nbob:{0}\n")]
    [InlineData("alice:{0}   \nbob: {0}\t\n")]
    [InlineData("alice:{0} \r\nbob:{0}\r\n")]
    public void What_editors_leave_in_a_file_unseen_locks_nobody_out(string file)
    {
        var content = Parse(file.Replace("{0}", Good, StringComparison.Ordinal));
        Assert.Empty(content.Problems);
        Assert.Equal([("alice", Good), ("bob", Good)], content.Accounts.Select(a => (a.Name, a.Hash!)));
    }

    [Fact]
    public void Accounts_that_differ_only_in_case_are_two_and_warned_about()
    {
        var content = Parse($"alice:{Good}\nbob:{Good}\nAlice:{Good}\n");
        Assert.Equal(3, content.Count);
        var told = Assert.Single(content.Problems);
        Assert.StartsWith(
            "file:1:1: warning: the account 'alice' differs only in letter case or spaces from 'Alice'", told.ToString(),
            StringComparison.Ordinal);
        Assert.Equal(["Alice", "alice"], content.Alike("ALICE "));
        Assert.Empty(content.Alike("carol"));
    }

    [Theory]
    [InlineData("no colon at all")]
    [InlineData(":$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq")]
    [InlineData("\u001b[31mred:x")]
    public void A_line_that_is_no_account_is_reported_and_passed_over(string line)
    {
        var content = Parse($"{line}\nbob:{Good}\n");
        Assert.Single(content.Problems);
        Assert.Equal(["bob"], content.Accounts.Select(a => a.Name));
    }

    [Fact]
    public void A_line_that_is_not_UTF_8_is_reported_and_passed_over()
    {
        byte[] file = [0xff, 0xfe, (byte)':', (byte)'x', (byte)'\n', .. Encoding.UTF8.GetBytes($"bob:{Good}\n")];
        var content = HtpasswdContent.Parse("file", file);
        Assert.Contains("UTF-8", Assert.Single(content.Problems).Message, StringComparison.Ordinal);
        Assert.NotNull(content.Find("bob"));
    }

    [Fact]
    public void Of_two_lines_for_one_account_the_first_counts_and_the_second_is_reported()
    {
        var content = Parse($"bob:{Good}\nbob:$2y$04$o8HlcdsafXx6FNXcWQ1.1.Vh0Bsc5zNBz.N1ZmIVa0Cu.HE.HOU3e\n");
        Assert.Equal(Good, content.Find("bob")!.Hash);
        Assert.Contains("the first line is used", Assert.Single(content.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Comments_blank_lines_and_carriage_returns_are_no_problem()
    {
        var content = Parse($"# comment: with colon\r\n\r\n   \r\nbob:{Good}\r\n");
        Assert.Empty(content.Problems);
        Assert.Equal(Good, content.Find("bob")!.Hash);
    }

    [Fact]
    public void Account_names_are_compared_letter_by_letter()
    {
        var content = Parse($"bob:{Good}\n");
        Assert.Null(content.Find("Bob"));
        Assert.Null(content.Find("bob "));
    }

    [Fact]
    public void A_decoy_is_always_the_same_for_one_name_and_a_hash_that_can_be_computed()
    {
        var content = Parse($"bob:{Good}\n");
        Assert.Equal(content.DecoyFor("nobody"), content.DecoyFor("nobody"));
        Assert.Equal(Good, content.DecoyFor("nobody"));

        using var scratch = new PasswordHash.Scratch();
        Assert.NotNull(scratch.Hash("anything", Parse("").DecoyFor("nobody")));
    }

    private static HtpasswdContent Parse(string text) => HtpasswdContent.Parse("file", Encoding.UTF8.GetBytes(text));
}
