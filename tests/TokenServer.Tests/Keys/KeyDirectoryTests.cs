using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class KeyDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly ManualClock clock = new(TokenServerHost.Start);

    [Fact]
    public void A_made_key_is_a_PKCS8_file_for_its_owner_alone_with_no_leading_zero_in_its_coordinates()
    {
        var path = KeyDirectory.Create(directory.Root, clock);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.StartsWith("-----BEGIN PRIVATE KEY-----", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.StartsWith("20300102T030405Z-", Path.GetFileName(path), StringComparison.Ordinal);
        var key = Assert.Single(KeyDirectory.Load(directory.Root)).Key;
        Assert.NotEqual(0, key.X[0]);
        Assert.NotEqual(0, key.Y[0]);
        Assert.Equal([path], Directory.GetFiles(directory.Root));
    }

    [Fact]
    public void The_newest_key_signs_and_all_are_published()
    {
        var older = KeyDirectory.Create(directory.Root, clock);
        clock.Advance(TimeSpan.FromSeconds(1));
        var newer = KeyDirectory.Create(directory.Root, clock);
        File.WriteAllText(directory["README"], "not a key");
        Assert.Equal([newer, older], KeyDirectory.Load(directory.Root).Select(k => k.Path));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    public void A_key_that_others_can_touch_is_refused(UnixFileMode more)
    {
        var path = KeyDirectory.Create(directory.Root, clock);
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | more);
        Assert.Contains($"chmod 600 {path}", Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory.Root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_key_is_told_with_what_to_do() =>
        Assert.Contains("run init", Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory["missing"])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("nonsense")]
    [InlineData("P-384")]
    [InlineData("RSA")]
    public void A_file_that_is_no_key_for_ES256_is_refused_by_name(string kind)
    {
        using var wrongCurve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        var path = directory["20300101T000000Z-x.pem"];
        File.WriteAllBytes(path, Encoding.ASCII.GetBytes(kind switch { "P-384" => wrongCurve.ExportPkcs8PrivateKeyPem(), "RSA" => rsa.ExportPkcs8PrivateKeyPem(), _ => kind }));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Contains(path, Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory.Root)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();
}
