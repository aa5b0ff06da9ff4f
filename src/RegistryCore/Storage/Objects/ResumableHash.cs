using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// A hash whose state can be taken out, kept, and gone on with in another process, which the runtime's own cannot. It is that of
/// OpenSSL, which the runtime needs too; the contexts are plain memory of a size that its headers publish.
/// </summary>
internal sealed unsafe partial class ResumableHash
{
    private const string Library = "libcrypto.so.3";
    private const int Context256 = 112, Context512 = 216;

    private readonly HashAlgorithmName algorithm;
    private readonly byte[] context;

    /// <summary>Begins, or goes on from a state.</summary>
    /// <param name="algorithm">SHA-256 or SHA-512.</param>
    /// <param name="state">What <see cref="Export"/> gave; null to begin.</param>
    /// <exception cref="InvalidDataException">The state is not of this algorithm.</exception>
    public ResumableHash(HashAlgorithmName algorithm, ReadOnlySpan<byte> state = default)
    {
        this.algorithm = algorithm;
        context = new byte[Is512 ? Context512 : Context256];
        if (state.Length == context.Length) state.CopyTo(context);
        else if (!state.IsEmpty) throw new InvalidDataException($"A hash state has {state.Length} bytes, not {context.Length}.");
        else fixed (byte* c = context) _ = Is512 ? Begin512(c) : Begin256(c);
    }

    private bool Is512 => algorithm == HashAlgorithmName.SHA512;

    /// <summary>Takes more bytes in.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* c = context, b = bytes) _ = Is512 ? Update512(c, b, (nuint)bytes.Length) : Update256(c, b, (nuint)bytes.Length);
    }

    /// <summary>The state after what was taken in.</summary>
    public byte[] Export() => [.. context];

    /// <summary>The digest of what was taken in so far; more may follow.</summary>
    public Digest Current()
    {
        Span<byte> copy = stackalloc byte[Context512], hash = stackalloc byte[Is512 ? SHA512.HashSizeInBytes : SHA256.HashSizeInBytes];
        context.CopyTo(copy);
        fixed (byte* c = copy, h = hash) _ = Is512 ? End512(h, c) : End256(h, c);
        return Digest.Of(algorithm, hash.ToArray());
    }

    [LibraryImport(Library, EntryPoint = "SHA256_Init")]
    private static partial int Begin256(byte* context);

    [LibraryImport(Library, EntryPoint = "SHA256_Update")]
    private static partial int Update256(byte* context, byte* bytes, nuint count);

    [LibraryImport(Library, EntryPoint = "SHA256_Final")]
    private static partial int End256(byte* hash, byte* context);

    [LibraryImport(Library, EntryPoint = "SHA512_Init")]
    private static partial int Begin512(byte* context);

    [LibraryImport(Library, EntryPoint = "SHA512_Update")]
    private static partial int Update512(byte* context, byte* bytes, nuint count);

    [LibraryImport(Library, EntryPoint = "SHA512_Final")]
    private static partial int End512(byte* hash, byte* context);
}
