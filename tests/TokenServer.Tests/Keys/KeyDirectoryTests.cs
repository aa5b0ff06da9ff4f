using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class KeyDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    [Fact]
    public void A_made_key_is_a_PKCS8_file_for_its_owner_alone_with_no_leading_zero_in_its_coordinates()
    {
        var path = KeyDirectory.Create(directory.Root, clock);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.StartsWith("-----BEGIN PRIVATE KEY-----", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.StartsWith("20300102T030405Z-", Path.GetFileName(path), StringComparison.Ordinal);
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(File.ReadAllText(path));
        var point = ecdsa.ExportParameters(includePrivateParameters: false).Q;
        Assert.NotEqual(0, point.X![0]);
        Assert.NotEqual(0, point.Y![0]);
        var file = Assert.Single(KeyDirectory.Load(directory.Root));
        Assert.Equal(("ES256", new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero)), (file.Key.Algorithm, file.SignsFrom));
        Assert.Equal([path], Directory.GetFiles(directory.Root));
    }

    [Fact]
    public void A_made_RSA_key_has_3072_bits_and_says_from_when_it_signs()
    {
        var path = KeyDirectory.Create(directory.Root, clock, "RS256", TimeSpan.FromMinutes(10));
        using var rsa = RSA.Create();
        rsa.ImportFromPem(File.ReadAllText(path));
        Assert.Equal(3072, rsa.KeySize);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

        // Never a fraction of a second too early.
        Assert.Equal(new DateTimeOffset(2030, 1, 2, 3, 14, 6, TimeSpan.Zero), Assert.Single(KeyDirectory.Load(directory.Root)).SignsFrom);
    }

    /// <summary>One key in 128 has such a coordinate: among as many as are tried here there is one all but surely.</summary>
    [Fact]
    public void A_key_with_a_coordinate_that_begins_with_a_zero_byte_is_told_apart()
    {
        while (true)
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var parameters = made.ExportParameters(includePrivateParameters: true);
            var begins = (parameters.Q.X![0], parameters.Q.Y![0]);
            Assert.Equal(begins is not (0, _) and not (_, 0), SigningKey.IsWellShaped(parameters));
            if (begins is (0, _) or (_, 0)) return;
        }
    }

    [Theory]
    [InlineData("key.pem")]
    [InlineData("20300101-key.pem")]
    [InlineData("20301301T000000Z-key.pem")]
    [InlineData("20300101T000000Zkey.pem")]
    public void A_file_whose_name_does_not_say_from_when_it_signs_is_refused(string name)
    {
        File.Move(KeyDirectory.Create(directory.Root, clock), directory[name]);
        var refusal = Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory.Root)).Message;
        Assert.Contains(directory[name], refusal, StringComparison.Ordinal);
        Assert.Contains("20300102T030405Z-name.pem", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void The_newest_key_comes_first_and_only_PEM_files_are_keys()
    {
        var older = KeyDirectory.Create(directory.Root, clock);
        clock.Advance(TimeSpan.FromSeconds(1));
        var newer = KeyDirectory.Create(directory.Root, clock);
        File.WriteAllText(directory["README"], "not a key");
        Assert.Equal([newer, older], KeyDirectory.Load(directory.Root).Select(k => k.Path));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupExecute)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    public void A_key_that_others_can_touch_is_refused(UnixFileMode more)
    {
        var path = KeyDirectory.Create(directory.Root, clock);
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | more);
        Assert.Contains(
            $"chmod 600 {path}", Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory.Root)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void No_key_is_told_with_what_to_do() =>
        Assert.Contains(
            "run init", Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory["missing"])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("nonsense")]
    [InlineData("P-384")]
    [InlineData("RSA of 1024 bits")]
    public void A_file_that_is_no_key_for_ES256_or_RS256_is_refused_by_name(string kind)
    {
        using var wrongCurve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(1024);
        var path = directory["20300101T000000Z-x.pem"];
        File.WriteAllBytes(
            path, Encoding.ASCII.GetBytes(
                kind switch { "P-384" => wrongCurve.ExportPkcs8PrivateKeyPem(), "RSA of 1024 bits" => rsa.ExportPkcs8PrivateKeyPem(), _ =>
                    kind }));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Contains(path, Assert.Throws<OperatorException>(() => KeyDirectory.Load(directory.Root)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();
}
