using System.Buffers;
using System.Buffers.Text;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// Puts a payload into the compact form (RFC 7515 section 7.1): header, payload and signature in base64url, joined by dots.
/// Why not by a library: docs/adr/0005.
/// </summary>
internal static class TokenSigner
{
    private const int EncodedSignature = (SigningKey.SignatureLength * 4 + 2) / 3;

    /// <summary>The signed token, in ASCII.</summary>
    public static byte[] Sign(SigningKey key, ReadOnlySpan<byte> payload)
    {
        var signed = key.Header.Length + Base64Url.GetEncodedLength(payload.Length);
        var token = new byte[signed + 1 + EncodedSignature];
        key.Header.CopyTo(token, 0);
        Base64Url.EncodeToUtf8(payload, token.AsSpan(key.Header.Length));

        Span<byte> signature = stackalloc byte[SigningKey.SignatureLength];
        key.Sign(token.AsSpan(0, signed), signature);
        token[signed] = (byte)'.';
        Base64Url.EncodeToUtf8(signature, token.AsSpan(signed + 1));
        return token;
    }

    /// <summary>
    /// The payload of a token that one of these keys signed here; null for any other text. A header must be, byte for byte, one
    /// that we write, so no algorithm, key or form of the sender's choice is ever looked at.
    /// </summary>
    public static byte[]? Open(KeyRing keys, ReadOnlySpan<byte> token)
    {
        foreach (var key in keys.All)
        {
            if (!token.StartsWith(key.Header)) continue;
            var dot = token.LastIndexOf((byte)'.');
            if (dot < key.Header.Length || token.Length - dot - 1 != EncodedSignature) return null;

            Span<byte> signature = stackalloc byte[SigningKey.SignatureLength];
            var payload = new byte[Base64Url.GetMaxDecodedLength(dot - key.Header.Length)];
            if (Base64Url.DecodeFromUtf8(token[(dot + 1)..], signature, out _, out var signatureLength) != OperationStatus.Done
                || signatureLength != SigningKey.SignatureLength
                || !key.Verify(token[..dot], signature)
                || Base64Url.DecodeFromUtf8(token[key.Header.Length..dot], payload, out _, out var length) != OperationStatus.Done)
            {
                return null;
            }

            return payload[..length];
        }

        return null;
    }
}
