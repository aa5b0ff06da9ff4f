using AuthIndex.Hosting.Configuration;
using FsCheck.Fluent;

namespace AuthIndex.Hosting.Tests.Configuration;

public sealed class ValuesTests
{
    private static readonly Dictionary<string, long> Milliseconds =
        new() { ["ms"] = 1, ["s"] = 1000, ["m"] = 60_000, ["h"] = 3_600_000, ["d"] = 86_400_000 };

    [Fact]
    public void A_duration_is_exact_to_the_tick() =>
        Prop.ForAll(Gen.Choose(0, 100_000).ToArbitrary(), Gen.Elements(Milliseconds.Keys.ToArray()).ToArbitrary(), (number, unit) =>
        {
            var expected = new TimeSpan(number * Milliseconds[unit] * TimeSpan.TicksPerMillisecond);
            return Duration.TryParse($"{number}{unit}", out var value) ? value == expected : expected > TimeSpan.FromDays(10_000);
        }).Check();

    [Theory]
    [InlineData("10000d", true)]
    [InlineData("10001d", false)]
    [InlineData("864000000000ms", true)]
    [InlineData("864000000001ms", false)]
    [InlineData("99999999999999999999s", false)]
    [InlineData("9223372036854775807d", false)]
    public void A_duration_has_at_most_10000_days(string text, bool accepted) => Assert.Equal(accepted, Duration.TryParse(text, out _));

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("5")]
    [InlineData("0")]
    [InlineData("-5s")]
    [InlineData("+5s")]
    [InlineData("1.5h")]
    [InlineData("5 s")]
    [InlineData(" 5s")]
    [InlineData("5s ")]
    [InlineData("5S")]
    [InlineData("5sm")]
    [InlineData("5mss")]
    [InlineData("5min")]
    [InlineData("1h30m")]
    [InlineData("00:05:00")]
    [InlineData("٣s")]
    public void Another_form_is_no_duration(string text)
    {
        Assert.False(Duration.TryParse(text, out var value));
        Assert.Equal(TimeSpan.Zero, value);
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    [InlineData("5B", 5)]
    [InlineData("512KiB", 512L << 10)]
    [InlineData("4MiB", 4L << 20)]
    [InlineData("10GiB", 10L << 30)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("8388607TiB", 8388607L << 40)]
    public void A_size_is_a_number_with_a_binary_unit(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, null, out var size));
        Assert.Equal(bytes, size.Bytes);
        Assert.Equal(size, ByteSize.Parse(text, null));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("KiB")]
    [InlineData("-1")]
    [InlineData("4MB")]
    [InlineData("4M")]
    [InlineData("4mib")]
    [InlineData("4 MiB")]
    [InlineData("1.5GiB")]
    [InlineData("4MiBB")]
    [InlineData("4iB")]
    [InlineData("0x10")]
    [InlineData("8388608TiB")]
    [InlineData("9223372036854775808")]
    public void Another_form_is_no_size(string? text)
    {
        Assert.False(ByteSize.TryParse(text, null, out _));
        Assert.Throws<FormatException>(() => ByteSize.Parse(text!, null));
    }

    [Fact]
    public void Reading_a_printed_size_gives_it_back() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Choose(0, 32).ToArbitrary(), (number, shift) =>
        {
            var size = new ByteSize((long)number << shift);
            return ByteSize.TryParse(size.ToString(), null, out var read) && read == size;
        }).Check();

    [Theory]
    [InlineData("127.0.0.1:5000", "127.0.0.1", 5000, true)]
    [InlineData("127.9.9.9:1", "127.9.9.9", 1, true)]
    [InlineData("localhost:0", "localhost", 0, true)]
    [InlineData("LocalHost:0", "LocalHost", 0, true)]
    [InlineData("[::1]:65535", "::1", 65535, true)]
    [InlineData("0.0.0.0:80", "0.0.0.0", 80, false)]
    [InlineData("[::]:80", "::", 80, false)]
    [InlineData("10.0.0.1:80", "10.0.0.1", 80, false)]
    [InlineData("registry.example.com:443", "registry.example.com", 443, false)]
    [InlineData("localhost.example.com:443", "localhost.example.com", 443, false)]
    [InlineData("127.0.0.1.example.com:443", "127.0.0.1.example.com", 443, false)]
    public void An_address_is_a_host_and_a_port(string text, string host, int port, bool loopback)
    {
        Assert.True(ListenAddress.TryParse(text, null, out var address));
        Assert.Equal((host, port, loopback), (address.Host, address.Port, address.IsLoopback));
        Assert.Equal(text, address.ToString());
        Assert.Equal(address, ListenAddress.Parse(text, null));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":80")]
    [InlineData("localhost")]
    [InlineData("localhost:")]
    [InlineData("localhost:http")]
    [InlineData("localhost:-1")]
    [InlineData("localhost:65536")]
    [InlineData("localhost: 80")]
    [InlineData("::1:80")]
    [InlineData("[]:80")]
    [InlineData("[::1]")]
    [InlineData("[::1:80")]
    [InlineData("*:80")]
    [InlineData("a b:80")]
    [InlineData("http://localhost:80")]
    public void Another_form_is_no_address(string? text)
    {
        Assert.False(ListenAddress.TryParse(text, null, out _));
        Assert.Throws<FormatException>(() => ListenAddress.Parse(text!, null));
    }

    [Fact]
    public void Reading_a_printed_address_gives_it_back() =>
        Prop.ForAll(
            Gen.Elements("localhost", "a.example", "10.0.0.1", "::1", "2001:db8::1").ToArbitrary(), Gen.Choose(0, 65535).ToArbitrary(),
            (host, port) =>
        {
            var address = new ListenAddress(host, port);
            return ListenAddress.TryParse(address.ToString(), null, out var read) && read == address;
        }).Check();
}
