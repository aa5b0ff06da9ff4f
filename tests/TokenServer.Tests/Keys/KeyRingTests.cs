using System.Globalization;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

/// <summary>Who signs and who is published, from times alone.</summary>
public sealed class KeyRingTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(-1, "next signing")]
    [InlineData(0, "signing retiring")]
    [InlineData(11, "signing retiring")] // 5 minutes of the token, 1 of leeway, 6 in which another server may lag behind
    [InlineData(12, "signing retired")]
    public void A_key_is_next_then_signs_then_retires_and_is_retired(int minutes, string states)
    {
        var ring = Ring(File(0), File(-1000));
        Assert.Equal(states, States(ring, Noon.AddMinutes(minutes)));
        var now = Noon.AddMinutes(minutes);
        Assert.Equal(ring.Files.Where(f => ring.StateOf(f, now) != KeyState.Retired).Select(f => f.Key), ring.Published(now));
        Assert.Equal(ring.Files.Single(f => ring.StateOf(f, now) == KeyState.Signing).Key, ring.SignerOf("ES256", now));
    }

    [Fact]
    public void Each_algorithm_has_a_signer_of_its_own()
    {
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        var other = new KeyFile("rsa", Noon.AddDays(-9), new SigningKey(rsa.ExportParameters(includePrivateParameters: true)));
        var ring = Ring(File(-10), File(-1000), other);
        Assert.Equal("signing retiring signing", States(ring, Noon));
        Assert.Same(other.Key, ring.SignerOf("RS256", Noon));
        Assert.Null(Ring(other).SignerOf("ES256", Noon));
    }

    [Fact]
    public void A_key_that_came_too_late_to_be_known_waits_and_the_older_one_signs_on()
    {
        var ring = Ring(File(-1) with { UsableFrom = Noon.AddMinutes(5) }, File(-1000));
        Assert.Equal("next signing", States(ring, Noon));
        Assert.Equal("signing retiring", States(ring, Noon.AddMinutes(5)));

        // It signed until a moment ago: its tokens are good whatever the names say.
        Assert.Equal("signing retiring", States(ring, Noon.AddMinutes(16)));
        Assert.Equal("signing retired", States(ring, Noon.AddMinutes(17)));
    }

    [Fact]
    public void Where_no_key_is_known_for_long_enough_the_one_whose_time_has_come_signs()
    {
        var late = Noon.AddMinutes(5);
        Assert.Equal("next signing", States(Ring(File(3), File(-1) with { UsableFrom = late }), Noon));
        Assert.Equal("next signing", States(Ring(File(7), File(3)), Noon)); // a clock that was set back
    }

    private static KeyFile File(int minutes) =>
        new(minutes.ToString(CultureInfo.InvariantCulture), Noon.AddMinutes(minutes), new SigningKey(SigningKey.Generate()));

    private static KeyRing Ring(params KeyFile[] newestFirst) => new(newestFirst, TimeSpan.FromMinutes(5));

    private static string States(KeyRing ring, DateTimeOffset now) =>
        string.Join(' ', ring.Files.Select(f => ring.StateOf(f, now).ToString().ToLowerInvariant()));
}
