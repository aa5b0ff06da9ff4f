using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>
/// An issuer with an authority over its keys, a stranger with another of the same name, and a registry that believes the former's
/// bundle.
/// </summary>
public sealed class CertifiedIssuer : IAsyncLifetime
{
    private readonly TemporaryDirectory folder = new();

    public CertifiedIssuer()
    {
        Root = Authority("CN=tokens", RootKey);
        StrangerRoot = Authority("CN=tokens", StrangerKey); // of the same name, so that only the signature tells
    }

    public ECDsa RootKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ECDsa LeafKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ECDsa StrangerKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public RSA Rsa { get; } = RSA.Create(2048);

    public X509Certificate2 Root { get; }

    public X509Certificate2 StrangerRoot { get; }

    public string Bundle => folder["bundle.pem"];

    public RegistryHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        using var rsaRoot = new CertificateRequest("CN=rsa", Rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        await File.WriteAllTextAsync(
            Bundle, Root.ExportCertificatePem() + "\n" + rsaRoot.ExportCertificatePem() + "\n", TestContext.Current.CancellationToken);
        Host = await StartAsync(Bundle);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Root.Dispose();
        StrangerRoot.Dispose();
        RootKey.Dispose();
        LeafKey.Dispose();
        StrangerKey.Dispose();
        Rsa.Dispose();
        folder.Dispose();
    }

    /// <summary>A registry that believes a bundle and nothing else.</summary>
    public static Task<RegistryHost> StartAsync(string bundle) => RegistryHost.StartAsync(o =>
    {
        o.TokenServer.KeysFile = null;
        o.TokenServer.CertificatesFile = bundle;
    });

    private static X509Certificate2 Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }
}

/// <summary>Tokens of an issuer that is known by certificates, as distribution's <c>rootcertbundle</c> has it.</summary>
public sealed class TrustedCertificatesTests(CertifiedIssuer issuer) : IClassFixture<CertifiedIssuer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ECDsa rootKey = issuer.RootKey;
    private readonly ECDsa leafKey = issuer.LeafKey;
    private readonly ECDsa strangerKey = issuer.StrangerKey;
    private readonly RSA rsa = issuer.Rsa;
    private readonly X509Certificate2 root = issuer.Root;
    private readonly X509Certificate2 strangerRoot = issuer.StrangerRoot;
    private readonly RegistryHost host = issuer.Host;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chain_that_leads_to_the_bundle_is_believed_with_and_without_a_kid()
    {
        using var leaf = Leaf(leafKey, root, rootKey);
        foreach (var kid in new[] { "anything", null, KeyId.OfLibtrust(leafKey.ExportSubjectPublicKeyInfo()) })
        {
            Assert.Equal(HttpStatusCode.OK, await PingAsync(Token(leafKey, kid, leaf)));
            Assert.Equal(HttpStatusCode.OK, await PingAsync(Token(leafKey, kid, leaf, root)));
        }
    }

    [Fact]
    public async Task An_intermediate_authority_comes_along()
    {
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middle = Issue("CN=middle", middleKey, root, rootKey, isAuthority: true);
        using var leaf = Leaf(leafKey, middle, middleKey);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(Token(leafKey, null, leaf, middle)));
    }

    [Fact]
    public async Task The_key_of_a_certificate_in_the_bundle_is_believed_under_both_its_names()
    {
        var point = rootKey.ExportParameters(false).Q;
        Assert.Equal(HttpStatusCode.OK, await PingAsync(Token(rootKey, KeyId.OfP256(point.X, point.Y))));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(Token(rootKey, KeyId.OfLibtrust(rootKey.ExportSubjectPublicKeyInfo()))));

        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = KeyId.OfLibtrust(rsa.ExportSubjectPublicKeyInfo()) };
        Assert.Equal(
            HttpStatusCode.OK,
            await PingAsync(
                TokenMaker.Sign(
                    header.ToJsonString(), Claims(), i => rsa.SignData(i, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))));
    }

    public static TheoryData<string> Attacks() =>
    [
        "a stranger's chain", "a stranger's chain of the same names", "a stranger's certificate beside a trusted kid",
            "a trusted certificate over a stranger's signature",
        "a leaf of a leaf", "a certificate that has ended", "a certificate that has not begun", "a trusted kid over a stranger's signature",
        "an empty chain", "a chain of no certificates", "a chain of six", "a chain that is a text", "a jwk", "P-384",
            "a trusted kid beside the trusted certificate of another key",
    ];

    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task A_certificate_that_proves_nothing_opens_nothing(string attack)
    {
        using var good = Leaf(leafKey, root, rootKey);
        using var strange = Leaf(strangerKey, strangerRoot, strangerKey);
        using var ofLeaf = Leaf(strangerKey, good, leafKey);
        using var old = Leaf(leafKey, root, rootKey, from: -20, until: -10);
        using var early = Leaf(leafKey, root, rootKey, from: 10, until: 20);
        using var wideKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var wide = Leaf(wideKey, root, rootKey);
        var trusted = KeyId.OfLibtrust(rootKey.ExportSubjectPublicKeyInfo());
        var token = attack switch
        {
            "a stranger's chain" => Token(strangerKey, null, strange),
            "a stranger's chain of the same names" => Token(strangerKey, null, strange, strangerRoot),
            "a stranger's certificate beside a trusted kid" => Token(strangerKey, trusted, strange, strangerRoot),
            "a trusted certificate over a stranger's signature" => Token(strangerKey, null, good),
            "a leaf of a leaf" => Token(strangerKey, null, ofLeaf, good),
            "a certificate that has ended" => Token(leafKey, null, old),
            "a certificate that has not begun" => Token(leafKey, null, early),
            "a trusted kid over a stranger's signature" => Token(strangerKey, trusted),
            "an empty chain" => Token(leafKey, null, new JsonArray()),
            "a chain of no certificates" => Token(leafKey, null, new JsonArray("AAAA")),
            "a chain of six" => Token(leafKey, null, [.. Enumerable.Repeat(good, 6)]),
            "a chain that is a text" => Token(leafKey, null, JsonValue.Create(Convert.ToBase64String(good.RawData))),
            "a trusted kid beside the trusted certificate of another key" => Token(leafKey, trusted, good),
            "a jwk" => Token(strangerKey, trusted, JsonNode.Parse("[]")!, "jwk"),
            _ => Token(wideKey, null, wide),
        };
        using var client = host.With(token);
        using var response = await client.GetAsync("/v2/", Cancellation);
        var answer = (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.Contains("error=\"invalid_token\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_bundle_counts_without_a_restart_also_for_tokens_that_were_believed_before()
    {
        using var folder = new TemporaryDirectory();
        var bundle = folder["bundle.pem"];
        await File.WriteAllTextAsync(bundle, root.ExportCertificatePem(), Cancellation);
        await using var registry = await CertifiedIssuer.StartAsync(bundle);
        using var leaf = Leaf(leafKey, root, rootKey);
        using var other = Leaf(leafKey, strangerRoot, strangerKey);
        var (before, after) = (Token(leafKey, null, leaf), Token(leafKey, null, other));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(before, registry));
        await File.WriteAllTextAsync(bundle, strangerRoot.ExportCertificatePem(), Cancellation);
        await Eventually.TrueAsync(
            async () => await PingAsync(after, registry) == HttpStatusCode.OK, Patience, () => "the bundle was not read again");
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(before, registry));

        // Nonsense changes nothing.
        await File.WriteAllTextAsync(bundle, "nonsense", Cancellation);
        registry.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(before, registry)); // asks, in vain
        Assert.Equal(HttpStatusCode.OK, await PingAsync(after, registry));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public async Task A_bundle_that_is_none_stops_the_start(string content)
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["wrong.pem"], content, Cancellation);
        var refusal = await Assert.ThrowsAsync<OperatorException>(
            () => RegistryHost.StartAsync(o => o.TokenServer.CertificatesFile = folder["wrong.pem"]));
        Assert.Contains("registry.tokenServer.certificatesFile", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_and_certificates_are_believed_side_by_side()
    {
        await using var both = await RegistryHost.StartAsync(o => o.TokenServer.CertificatesFile = issuer.Bundle);
        using var leaf = Leaf(leafKey, root, rootKey);
        foreach (var token in new[] { both.Tokens.Make("alice"), Token(leafKey, null, leaf) })
        {
            using var client = both.With(token);
            using var response = await client.GetAsync("/v2/", Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    private static X509Certificate2 Leaf(ECDsa key, X509Certificate2 issuer, ECDsa issuerKey, int from = -1, int until = 1) =>
        Issue("CN=leaf", key, issuer, issuerKey, isAuthority: false, from, until);

    private static X509Certificate2 Issue(
        string name, ECDsa key, X509Certificate2 issuer, ECDsa issuerKey, bool isAuthority, int from = -1, int until = 1)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        var now = DateTimeOffset.UtcNow;
        return request.Create(
            issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(issuerKey), now.AddDays(from), now.AddDays(until),
            RandomNumberGenerator.GetBytes(8));
    }

    private string Claims() => host.Tokens.Payload("alice").ToJsonString();

    private string Token(ECDsa key, string? kid, params X509Certificate2[] chain) =>
        Token(key, kid, chain.Length == 0 ? null : new JsonArray([.. chain.Select(c => (JsonNode)Convert.ToBase64String(c.RawData))]));

    private string Token(ECDsa key, string? kid, JsonNode? chain, string member = "x5c")
    {
        var header = new JsonObject { ["typ"] = "JWT", ["alg"] = "ES256" };
        if (kid is not null) header["kid"] = kid;
        if (chain is not null) header[member] = chain;
        return TokenMaker.Sign(header.ToJsonString(), Claims(), i => key.SignData(i, HashAlgorithmName.SHA256));
    }

    private async Task<HttpStatusCode> PingAsync(string token, RegistryHost? registry = null)
    {
        using var client = (registry ?? host).With(token);
        using var response = await client.GetAsync("/v2/", Cancellation);
        return response.StatusCode;
    }
}
