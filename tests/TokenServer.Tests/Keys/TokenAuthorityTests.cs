using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class TokenAuthorityTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    private string Bundle => TokenAuthority.BundlePath(directory.Root);

    private string KeyPath => Path.Combine(Path.GetDirectoryName(Bundle)!, "authority.key");

    [Fact]
    public void The_authority_is_made_once_and_its_key_is_for_its_owner_alone()
    {
        Assert.True(TokenAuthority.Ensure(directory.Root, clock));
        var bundle = File.ReadAllText(Bundle);
        Assert.False(TokenAuthority.Ensure(directory.Root, clock));
        Assert.Equal(bundle, File.ReadAllText(Bundle));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
        Assert.DoesNotContain("PRIVATE", bundle, StringComparison.Ordinal);
        Assert.Empty(KeyDirectory.List(directory.Root)); // none of it is taken for a signing key

        File.SetUnixFileMode(KeyPath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Contains(
            $"chmod 600 {KeyPath}", Assert.Throws<OperatorException>(() => TokenAuthority.Load(directory.Root, clock)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Certificates_of_both_kinds_of_keys_lead_to_the_bundle_for_as_long_as_it_lasts()
    {
        TokenAuthority.Ensure(directory.Root, clock);
        using var rsa = RSA.Create(2048);
        using var root = X509Certificate2.CreateFromPem(File.ReadAllText(Bundle));
        foreach (var key in new[] { new SigningKey(SigningKey.Generate()),
            new SigningKey(rsa.ExportParameters(includePrivateParameters: true)) })
        {
            key.Certify(TokenAuthority.Load(directory.Root, clock));
            var token = TokenSigner.Sign(key, "{}"u8, withCertificate: true);
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(token.Split('.')[0]));
            using var leaf = X509CertificateLoader.LoadCertificate(
                Assert.Single(header.RootElement.GetProperty("x5c").EnumerateArray()).GetBytesFromBase64());
            foreach (var at in new[] { clock.GetUtcNow(), clock.GetUtcNow().AddYears(19) })
            {
                using var chain =
                    new X509Chain { ChainPolicy =
                        { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
                            VerificationTime = at.UtcDateTime } };
                chain.ChainPolicy.CustomTrustStore.Add(root);
                Assert.True(chain.Build(leaf), string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation)));
            }

            Assert.Equal(key.PublicKey().ExportSubjectPublicKeyInfo(), leaf.PublicKey.ExportSubjectPublicKeyInfo());
            Assert.False(leaf.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        }
    }

    [Fact]
    public void An_authority_that_has_ended_or_lost_its_key_is_told()
    {
        TokenAuthority.Ensure(directory.Root, clock);
        clock.Advance(TimeSpan.FromDays(366 * 20));
        Assert.Contains(
            "has expired", Assert.Throws<OperatorException>(() => TokenAuthority.Load(directory.Root, clock)).Message,
            StringComparison.Ordinal);
        File.Delete(KeyPath);
        CertificatePem.EnsureKey(KeyPath);
        Assert.Contains(
            "is not the key", Assert.Throws<OperatorException>(() => TokenAuthority.Load(directory.Root, clock)).Message,
            StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();
}
