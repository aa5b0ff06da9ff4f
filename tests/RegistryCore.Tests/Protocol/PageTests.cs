using AuthIndex.RegistryCore.Protocol;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class PageTests
{
    [Theory]
    [InlineData(null, 100)]
    [InlineData("", 100)]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    [InlineData("007", 7)]
    [InlineData("100", 100)]
    [InlineData("101", 100)]
    [InlineData("2147483647", 100)]
    [InlineData("2147483648", 100)]
    [InlineData("99999999999999999999999999999999", 100)]
    public void A_page_is_as_long_as_asked_and_no_longer_than_the_limit(string? n, int expected) 
    {
        Assert.True(Page.TryParse(n, "x", 100, out var page, out _));
        Assert.Equal(new Page(expected, "x"), page);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData(" 1")]
    [InlineData("ten")]
    [InlineData("0x10")]
    [InlineData("٣")]
    public void What_is_no_number_is_refused(string n) 
    {
        Assert.False(Page.TryParse(n, null, 100, out _, out var problem));
        Assert.Equal("PAGINATION_NUMBER_INVALID", problem.Code);
    }

    [Fact]
    public void Without_a_last_item_a_page_begins_at_the_beginning() 
    {
        Assert.True(Page.TryParse("1", null, 100, out var page, out _));
        Assert.Equal("", page.After);
    }

    [Fact]
    public void The_link_leads_to_the_next_page() =>
        Assert.Equal("</v2/a/tags/list?n=3&last=v1&x=y>; rel=\"next\"", new Page(3, "").NextLink("/v2/a/tags/list", "v1", "&x=y"));

    [Fact]
    public void Nothing_in_a_link_can_end_it_early() =>
        Prop.ForAll(Gen.Elements("a1>\"\r\n;,&#% é\0".ToCharArray()).ListOf().Select(c => string.Concat(c)).ToArbitrary(), last =>
        {
            var link = new Page(1, "").NextLink("/p", last);
            return link.Count(c => c == '>') == 1
                && link.EndsWith(">; rel=\"next\"", StringComparison.Ordinal)
                && link.All(c => c is >= ' ' and <= '~')
                && Uri.UnescapeDataString(link[..link.IndexOf('>', StringComparison.Ordinal)]["</p?n=1&last=".Length..]) == last;
        }).Check();
}
