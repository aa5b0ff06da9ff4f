using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.TokenContract;
using Microsoft.Extensions.ObjectPool;

namespace AuthIndex.TokenServer.Keys;

/// <summary>One ES256 key (RFC 7518 section 3.4): signs, verifies, and knows its public coordinates and its name.</summary>
internal sealed class SigningKey
{
    /// <summary>The length of an ES256 signature, R and S of 32 bytes each.</summary>
    public const int SignatureLength = 64;

    private readonly ObjectPool<ECDsa> pool;

    /// <summary>Takes the key's parameters, which must be of P-256 and hold the private part.</summary>
    public SigningKey(ECParameters parameters)
    {
        // An ECDsa object is not promised to be safe for several threads at once, and making one costs as much as signing.
        pool = new DefaultObjectPool<ECDsa>(new Import(parameters), Math.Max(4, Environment.ProcessorCount * 2));
        X = parameters.Q.X!;
        Y = parameters.Q.Y!;
        Id = KeyId.OfP256(X, Y);
        Header = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(
            Encoding.UTF8.GetBytes($$"""{"alg":"{{TokenProfile.Es256}}","typ":"{{TokenProfile.Type}}","kid":"{{Id}}"}""")) + ".");
    }

    /// <summary>The <c>kid</c>: the key's thumbprint (RFC 7638).</summary>
    public string Id { get; }

    /// <summary>The public x coordinate, 32 bytes.</summary>
    public byte[] X { get; }

    /// <summary>The public y coordinate, 32 bytes.</summary>
    public byte[] Y { get; }

    /// <summary>The first part of every token signed with this key, its dot included.</summary>
    public byte[] Header { get; }

    /// <summary>Makes a key none of whose coordinates begins with a zero byte: some registries compute the name of such a key differently.</summary>
    public static ECParameters Generate()
    {
        while (true)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var parameters = key.ExportParameters(includePrivateParameters: true);
            if (parameters.Q.X![0] != 0 && parameters.Q.Y![0] != 0) return parameters;
        }
    }

    /// <summary>Signs the bytes into <paramref name="signature"/>, which holds <see cref="SignatureLength"/>.</summary>
    public void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
    {
        var ecdsa = pool.Get();
        try
        {
            var written = ecdsa.SignData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
            if (written != SignatureLength) throw new CryptographicException($"An ES256 signature has {SignatureLength} bytes, not {written}.");
        }
        finally
        {
            pool.Return(ecdsa);
        }
    }

    /// <summary>Whether the signature is this key's over the bytes.</summary>
    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        var ecdsa = pool.Get();
        try
        {
            return ecdsa.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        finally
        {
            pool.Return(ecdsa);
        }
    }

    private sealed class Import(ECParameters parameters) : PooledObjectPolicy<ECDsa>
    {
        public override ECDsa Create() => ECDsa.Create(parameters);

        public override bool Return(ECDsa obj) => true;
    }
}
