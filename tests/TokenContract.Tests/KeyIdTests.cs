using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenContract.Tests;

public sealed class KeyIdTests
{
    [Fact]
    public void The_example_of_RFC_7638_section_3_1_has_its_published_thumbprint()
    {
        var modulus = Base64Url.DecodeFromChars(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw");
        Assert.Equal("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", KeyId.OfRsa(modulus, Base64Url.DecodeFromChars("AQAB")));
    }

    [Fact]
    public void The_key_of_the_Docker_specification_has_the_name_printed_there()
    {
        using var key = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = Base64Url.DecodeFromChars("m7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q"),
                Y = Base64Url.DecodeFromChars("dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc"),
            },
        });
        Assert.Equal("PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6", KeyId.OfLibtrust(key.ExportSubjectPublicKeyInfo()));
    }

    [Fact]
    public void A_coordinate_keeps_its_leading_zero()
    {
        var (x, y) = (new byte[32], new byte[32]);
        for (var i = 1; i < 32; i++) (x[i], y[i]) = ((byte)i, (byte)(255 - i));
        const string jwk =
            """{"crv":"P-256","kty":"EC","x":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","y":"AP79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"}""";
        Assert.Equal(Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(jwk))), KeyId.OfP256(x, y));
    }

    [Theory]
    [InlineData(31, 32)]
    [InlineData(32, 31)]
    [InlineData(33, 32)]
    [InlineData(0, 0)]
    public void A_coordinate_without_its_padding_is_a_mistake(int x, int y) =>
        Assert.Throws<ArgumentException>(() => KeyId.OfP256(new byte[x], new byte[y]));
}
