using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenServer.Identity;

/// <summary>A keyed hash, 32 bytes, comparable by value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct UInt256(UInt128 Low, UInt128 High);

/// <summary>
/// Hashes with a random key that exists only in this process, so that remembered hashes reveal nothing about the secrets.
/// </summary>
/// <param name="key">The key.</param>
internal sealed class KeyedHash(byte[] key)
{
    /// <summary>Hashes with a key of its own.</summary>
    public KeyedHash()
        : this(RandomNumberGenerator.GetBytes(32))
    {
    }

    /// <summary>The hash of some bytes.</summary>
    public UInt256 Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[32];
        HMACSHA256.HashData(key, bytes, hash);
        return MemoryMarshal.Read<UInt256>(hash);
    }

    /// <summary>The hash of one text or two, each after its length, so that no pair looks like another pair.</summary>
    public UInt256 Of(string first, string second = "")
    {
        var rented = ArrayPool<byte>.Shared.Rent(
            8 + Encoding.UTF8.GetMaxByteCount(first.Length) + Encoding.UTF8.GetMaxByteCount(second.Length));
        var firstLength = Encoding.UTF8.GetBytes(first, rented.AsSpan(8));
        var secondLength = Encoding.UTF8.GetBytes(second, rented.AsSpan(8 + firstLength));
        BinaryPrimitives.WriteInt32LittleEndian(rented, firstLength);
        BinaryPrimitives.WriteInt32LittleEndian(rented.AsSpan(4), secondLength);
        var text = rented.AsSpan(0, 8 + firstLength + secondLength);
        var hash = Of(text);
        CryptographicOperations.ZeroMemory(text);
        ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }
}
