using AuthIndex.RegistryCore.Protocol;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class ChunkRangeTests
{
    [Theory]
    [InlineData("0-0", 0, 0)]
    [InlineData("0-99", 0, 99)]
    [InlineData("100-199", 100, 199)]
    [InlineData(" 0-99 ", 0, 99)]
    [InlineData("bytes 0-99/100", 0, 99)]
    [InlineData("bytes=0-99", 0, 99)]
    [InlineData("0-99/*", 0, 99)]
    [InlineData("9223372036854775806-9223372036854775807", 9223372036854775806, 9223372036854775807)]
    public void The_forms_that_clients_send_are_read(string header, long first, long last)
    {
        Assert.True(ChunkRange.TryParse(header, out var range));
        Assert.Equal(new ByteRange(first, last), range);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("0")]
    [InlineData("0-")]
    [InlineData("-99")]
    [InlineData("5-4")]
    [InlineData("a-b")]
    [InlineData("0--1")]
    [InlineData("+0-1")]
    [InlineData("0-1-2")]
    [InlineData("0-99999999999999999999")]
    [InlineData("0-9223372036854775807")] // one byte more than a length can say
    [InlineData("bytes */100")]
    [InlineData("0x0-0x1")]
    public void Other_forms_are_refused(string header) => Assert.False(ChunkRange.TryParse(header, out _));

    [Fact]
    public void What_is_read_has_a_length() =>
        Prop.ForAll(
            Gen.Elements("0", "7", "9223372036854775807", "-", "/", "bytes", " ", "=").ListOf().Select(parts => string.Concat(parts))
            .ToArbitrary(), header =>
            !ChunkRange.TryParse(header, out var range) || (range.First >= 0 && range.Length > 0)).Check();
}
