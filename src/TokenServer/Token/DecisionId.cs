using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AuthIndex.TokenServer.Token;

/// <summary>Short random ids by which a refusal that a user sees can be found in the log.</summary>
internal static class DecisionId
{
    /// <summary>Eight characters, 40 bits: a collision within a day's log is unlikely even with a million decisions.</summary>
    public const int Length = 8;

    // Crockford's base 32: no I, L, O and U, so that it can be read out over the telephone.
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// <summary>A new random id of eight characters, in an alphabet without I, L, O and U.</summary>
    public static string New()
    {
        Span<byte> random = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(random);
        return string.Create(Length, BinaryPrimitives.ReadUInt64LittleEndian(random), static (text, bits) =>
        {
            for (var i = 0; i < text.Length; i++, bits >>= 5) text[i] = Alphabet[(int)(bits & 31)];
        });
    }
}
