using AuthIndex.Hosting.Telemetry;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.Hosting.Tests.Telemetry;

public sealed class RequestIdTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("9f0c2e8e-7f9a-4f0d-9d7e-1f6d3d1f5b11")]
    [InlineData("req_01.B")]
    public void A_well_formed_id_of_the_clients_is_taken(string sent) => Assert.Equal(sent, RequestId.Of(sent));

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("line\nbreak")]
    [InlineData("\"quoted\"")]
    [InlineData("\u202eabc")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public void Any_other_is_exchanged_for_a_fresh_one(string sent)
    {
        var id = RequestId.Of(sent);
        Assert.NotEqual(sent, id);
        Assert.True(RequestId.IsWellFormed(id), id);
    }

    [Fact]
    public void Two_ids_at_once_are_none() => Assert.DoesNotContain(RequestId.Of(new StringValues(["a", "b"])), (string[])["a", "b"]);

    [Fact]
    public void No_two_fresh_ids_are_the_same() =>
        Assert.Equal(10_000, Enumerable.Range(0, 10_000).Select(_ => RequestId.New()).Distinct(StringComparer.Ordinal).Count());
}
