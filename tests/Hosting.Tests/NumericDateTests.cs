using System.Text.Json;

namespace AuthIndex.Hosting.Tests;

public sealed class NumericDateTests
{
    [Theory]
    [InlineData("0", "1970-01-01T00:00:00.0000000")]
    [InlineData("1893553445", "2030-01-02T03:04:05.0000000")]
    [InlineData("1893553445.678", "2030-01-02T03:04:05.6780000")]
    [InlineData("1.893553445e9", "2030-01-02T03:04:05.0000000")]
    [InlineData("253402000000", "9999-12-28T12:26:40.0000000")]
    public void A_time_is_seconds_since_1970_and_may_have_a_fraction(string json, string time)
    {
        Assert.True(NumericDate.TryRead(Read(json), out var read));
        Assert.Equal(time, read.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff", System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("\"1893553445\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[1893553445]")]
    [InlineData("-1")]
    [InlineData("-0.5")]
    [InlineData("253402000001")]
    [InlineData("9223372036854775807")]
    [InlineData("1e99")]
    [InlineData("1e999")]
    public void Anything_else_is_no_time(string json) => Assert.False(NumericDate.TryRead(Read(json), out _));

    private static JsonElement Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
