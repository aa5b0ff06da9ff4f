using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class CertificateAccountTests
{
    [Theory]
    [InlineData("CN=alice", "cert:alice")]
    [InlineData("CN=build-01.example.org, O=Example", "cert:build-01.example.org")]
    [InlineData("CN=Alice A.", "cert:Alice A.")] // one name is one account: nothing is folded
    [InlineData("O=Example", null)]
    [InlineData("CN=alice, CN=admin", null)]
    [InlineData("CN=\"robot:ci\"", null)]
    [InlineData("CN=\"a:b\"", null)]
    [InlineData("CN=\" alice\"", null)]
    [InlineData("CN=al\u200bice", null)]
    public void A_common_name_is_an_account_of_its_own_kind_or_none(string subject, string? account)
    {
        using var authority = new CertificateAuthority();
        using var certificate = authority.IssueClient(subject);
        Assert.Equal(account, CertificateAccount.OfCommonName(certificate));
    }

    [Fact]
    public void A_common_name_that_shares_its_place_with_another_attribute_is_no_account()
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSetOf())
        {
            foreach (var (id, value) in (ReadOnlySpan<(string, string)>)[("2.5.4.3", "alice"), ("2.5.4.10", "Example")])
            {
                using var attribute = writer.PushSequence();
                writer.WriteObjectIdentifier(id);
                writer.WriteCharacterString(UniversalTagNumber.UTF8String, value);
            }
        }

        using var certificate = With(null, new X500DistinguishedName(writer.Encode()));
        Assert.Null(CertificateAccount.OfCommonName(certificate));
    }

    [Theory]
    [InlineData("spiffe://example.org/ci/build")]
    [InlineData("spiffe://a_b-c.1/X.y_z-0")]
    public void A_SPIFFE_ID_is_the_account_as_it_stands(string id)
    {
        using var certificate = WithUris(id);
        Assert.Equal(id, CertificateAccount.OfSpiffeId(certificate));
        Assert.Equal(id, Subject.AccountKey(id));
        Assert.Null(Subject.Parse(id, out var subject));
        Assert.Equal((SubjectKind.Spiffe, id), (subject.Kind, subject.Key));
    }

    [Theory]
    [InlineData] // none
    [InlineData("spiffe://example.org/a", "spiffe://example.org/b")]
    [InlineData("spiffe://example.org/a", "https://example.org/")]
    [InlineData("https://example.org/a")]
    [InlineData("SPIFFE://example.org/a")]
    [InlineData("spiffe://Example.org/a")]
    [InlineData("spiffe://example.org")]
    [InlineData("spiffe://example.org/")]
    [InlineData("spiffe://example.org/a/")]
    [InlineData("spiffe://example.org//a")]
    [InlineData("spiffe://example.org/a/../b")]
    [InlineData("spiffe://example.org/./b")]
    [InlineData("spiffe://example.org/a%2fb")]
    [InlineData("spiffe://example.org:8080/a")]
    [InlineData("spiffe://user@example.org/a")]
    [InlineData("spiffe://example.org/a?b")]
    [InlineData("spiffe://example.org/a#b")]
    [InlineData("spiffe://example.org/a\n")]
    public void Anything_else_is_no_SPIFFE_ID_of_a_workload(params string[] uris)
    {
        using var certificate = WithUris(uris);
        Assert.Null(CertificateAccount.OfSpiffeId(certificate));
    }

    [Fact]
    public void An_extension_that_is_no_list_of_names_names_nobody()
    {
        using var certificate = With(new X509Extension("2.5.29.17", [0x30, 0x05, 0x86, 0x10], critical: false));
        Assert.Null(CertificateAccount.OfSpiffeId(certificate));
    }

    [Fact]
    public void An_ID_longer_than_an_accounts_name_is_none()
    {
        using var certificate = WithUris($"spiffe://example.org/{new string('a', AccountName.MaxLength)}");
        Assert.Null(CertificateAccount.OfSpiffeId(certificate));
    }

    [Fact]
    public void Nobody_with_a_password_can_have_such_a_name()
    {
        foreach (var name in (string[])["cert:alice", "spiffe://example.org/a"]) Assert.NotNull(AccountName.Problem(name));
    }

    // Written by hand: the framework's builder would set some of these right.
    private static X509Certificate2 WithUris(params string[] uris)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteCharacterString(UniversalTagNumber.IA5String, "example.org", new(TagClass.ContextSpecific, 2));
            foreach (var uri in uris) writer.WriteCharacterString(UniversalTagNumber.IA5String, uri, new(TagClass.ContextSpecific, 6));
        }

        return With(new X509Extension("2.5.29.17", writer.Encode(), critical: false));
    }

    private static X509Certificate2 With(X509Extension? extension, X500DistinguishedName? subject = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject ?? new X500DistinguishedName("CN=alice"), key, HashAlgorithmName.SHA256);
        if (extension is not null) request.CertificateExtensions.Add(extension);
        return request.CreateSelfSigned(
            new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2031, 1, 1, 0, 0, 0, TimeSpan.Zero));
    }
}
