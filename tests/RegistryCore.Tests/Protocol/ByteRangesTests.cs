using AuthIndex.RegistryCore.Protocol;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class ByteRangesTests
{
    private const int Most = 16;

    [Theory]
    [InlineData("bytes=0-0", 10, "0-0")]
    [InlineData("bytes=0-9", 10, "0-9")]
    [InlineData("bytes=2-5", 10, "2-5")]
    [InlineData("bytes=9-9", 10, "9-9")]
    [InlineData("bytes=0-10", 10, "0-9")]
    [InlineData("bytes=5-999999", 10, "5-9")]
    [InlineData("bytes=5-99999999999999999999999999", 10, "5-9")]
    [InlineData("bytes=4-", 10, "4-9")]
    [InlineData("bytes=0-", 10, "0-9")]
    [InlineData("bytes=-1", 10, "9-9")]
    [InlineData("bytes=-10", 10, "0-9")]
    [InlineData("bytes=-11", 10, "0-9")]
    [InlineData("bytes=-99999999999999999999999999", 10, "0-9")]
    [InlineData("BYTES=0-1", 10, "0-1")]
    [InlineData("bytes= 0-1 ", 10, "0-1")]
    [InlineData("bytes=00-01", 10, "0-1")]
    [InlineData("bytes=0-9223372036854775807", 9223372036854775807, "0-9223372036854775806")]
    [InlineData("bytes=0-1,4-5", 10, "0-1 4-5")]
    [InlineData("bytes=4-5,0-1", 10, "4-5 0-1")]
    [InlineData("bytes=0-5, 3-7 ,-1", 10, "0-5 3-7 9-9")]
    [InlineData("bytes=0-0,0-0", 10, "0-0 0-0")]
    [InlineData("bytes=0-1,50-60", 10, "0-1")]
    [InlineData("bytes=0-1,,4-5,", 10, "0-1 4-5")]
    public void Ranges_are_read_in_the_order_asked_and_cut_to_the_blob(string header, long size, string expected) =>
        Assert.Equal(expected, Written(header, size));

    [Theory]
    [InlineData("bytes=10-", 10)]
    [InlineData("bytes=10-20", 10)]
    [InlineData("bytes=9223372036854775807-", 10)]
    [InlineData("bytes=99999999999999999999999999-", 10)]
    [InlineData("bytes=-0", 10)]
    [InlineData("bytes=10-,20-30", 10)]
    [InlineData("bytes=0-", 0)]
    [InlineData("bytes=0-0", 0)]
    [InlineData("bytes=-5", 0)]
    [InlineData("bytes=5-4", 10)]
    [InlineData("bytes=5-0,20-", 10)]
    public void Ranges_none_of_which_lies_in_the_blob_are_impossible(string header, long size) => Assert.Equal("", Written(header, size));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("bytes")]
    [InlineData("bytes=")]
    [InlineData("bytes=,")]
    [InlineData("bytes=-")]
    [InlineData("bytes=a-b")]
    [InlineData("bytes=0-a")]
    [InlineData("bytes=--5")]
    [InlineData("bytes=+1-2")]
    [InlineData("bytes=0x1-2")]
    [InlineData("bytes=1")]
    [InlineData("bytes=1-2-3")]
    [InlineData("bytes=٠-٢")]
    [InlineData("bytes=0-1,x")]
    [InlineData("items=0-1")]
    [InlineData("0-1")]
    public void What_is_no_range_of_bytes_is_as_if_it_were_not_there(string? header) => Assert.Null(ByteRanges.Parse(header, 10, Most));

    [Fact]
    public void As_many_ranges_as_are_allowed_are_answered_and_one_more_gets_the_whole_blob()
    {
        Assert.Equal(Most, ByteRanges.Parse("bytes=" + string.Join(',', Enumerable.Repeat("0-0", Most)), 10, Most)!.Count);
        Assert.Null(ByteRanges.Parse("bytes=" + string.Join(',', Enumerable.Repeat("0-0", Most + 1)), 10, Most));
        Assert.Null(ByteRanges.Parse("bytes=" + string.Join(',', Enumerable.Repeat("99-", 100_000)), 10, Most));
    }

    [Fact]
    public void Every_range_lies_in_the_blob() =>
        Prop.ForAll(Headers.ToArbitrary(), Gen.Choose(0, 20).ToArbitrary(), (header, size) =>
            ByteRanges.Parse(header, size, Most) is not { } ranges
            || ranges.All(r => r.First >= 0 && r.Length > 0 && r.Last < size)).Check();

    [Fact]
    public void One_range_selects_the_bytes_that_the_words_of_the_RFC_select() =>
        Prop.ForAll(
            Gen.Choose(0, 12).ToArbitrary(), Gen.Choose(0, 12).ToArbitrary(), Gen.Choose(0, 10).ToArbitrary(), (first, length, size) =>
        {
            var blob = Enumerable.Range(0, size).ToList();
            return Selected($"bytes={first}-{first + length}", blob).SequenceEqual(blob.Skip(first).Take(length + 1))
                && Selected($"bytes={first}-", blob).SequenceEqual(blob.Skip(first))
                && Selected($"bytes=-{length}", blob).SequenceEqual(blob.TakeLast(length));
        }).Check();

    [Fact]
    public void A_content_range_names_first_last_and_size() => Assert.Equal("bytes 2-5/10", new ByteRange(2, 5).ContentRange(10));

    private static Gen<string> Headers { get; } =
        Gen.Elements("bytes=", "0", "5", "9", "10", "99999999999999999999", "-", "-", ",", " ", "x").ListOf()
        .Select(parts => "bytes=" + string.Concat(parts));

    private static IEnumerable<int> Selected(string header, List<int> blob) =>
        ByteRanges.Parse(header, blob.Count, Most)!.SelectMany(r => blob.Where(i => i >= r.First && i <= r.Last));

    private static string? Written(string header, long size) =>
        ByteRanges.Parse(header, size, Most) is { } ranges ? string.Join(' ', ranges.Select(r => $"{r.First}-{r.Last}")) : null;
}
