using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class PreconditionTests
{
    private static readonly Digest Here = Digest.Compute(HashAlgorithmName.SHA256, "here"u8);
    private static readonly string Tag = $"\"{Here.Value}\"";
    private static readonly string Other = $"\"{Digest.Compute(HashAlgorithmName.SHA256, "other"u8).Value}\"";

    [Fact]
    public void An_entity_tag_is_the_digest_in_quotes() => Assert.Equal(Tag, Precondition.EntityTag(Here));

    public static TheoryData<string?, string?, bool, bool> Writes() => new()
    {
        // If-Match, If-None-Match, allowed when it is here, allowed when nothing is
        { null, null, true, true },
        { Tag, null, true, false },
        { Here.Value, null, true, false },
        { $"W/{Tag}", null, true, false },
        { $"{Other}, {Tag}", null, true, false },
        { Other, null, false, false },
        { "*", null, true, false },
        { "", null, false, false },
        { null, "*", false, true },
        { null, Tag, false, true },
        { null, $"{Other},{Tag}", false, true },
        { null, Other, true, true },
        { Tag, "*", false, false },
        { Tag, Other, true, false },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public void A_write_goes_on_when_every_header_allows_it(string? ifMatch, string? ifNoneMatch, bool whenHere, bool whenNothing)
    {
        var precondition = new Precondition(ifMatch, ifNoneMatch);
        Assert.Equal((whenHere, whenNothing), (precondition.Allows(Here), precondition.Allows(null)));
    }

    public static TheoryData<string?, bool> Reads() => new()
    {
        { null, false },
        { "", false },
        { Tag, true },
        { $"W/{Tag}", true },
        { "*", true },
        { Other, false },
        { $"{Other}, {Tag}", true },
        { Tag[..^2], false },
        { "\"\"", false },
    };

    [Theory]
    [MemberData(nameof(Reads))]
    public void A_copy_is_current_when_a_tag_names_it(string? ifNoneMatch, bool expected) =>
        Assert.Equal(expected, new Precondition(null, ifNoneMatch).IsNotModified(Here));
}
