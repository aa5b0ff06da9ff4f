using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// The id under which a request is found in every log: the client's own if it is well-formed, otherwise a new one. It grants nothing, so a
/// new one only needs to be unique.
/// </summary>
public static class RequestId
{
    /// <summary>The header that carries it, in both directions.</summary>
    public const string Header = "X-Request-Id";

    /// <summary>The most characters that a client's may have.</summary>
    public const int MaxLength = 64;

    private const int PrefixLength = 8, CounterLength = 8, BitsOfACharacter = 5;

    // Crockford's base 32, as decision ids are written.
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");

    // 40 random bits tell the processes apart, 40 counted ones the requests of a process.
    private static readonly string Prefix = NewPrefix();
    private static long last;

    /// <summary>The id that a client sent, or a fresh one.</summary>
    public static string Of(StringValues header) => header is [{ } text] && IsWellFormed(text) ? text : New();

    /// <summary>Whether a text can be an id: 1 to 64 letters, digits, points, hyphens and underscores.</summary>
    public static bool IsWellFormed([NotNullWhen(true)] string? text) =>
        text is { Length: > 0 and <= MaxLength } && !text.AsSpan().ContainsAnyExcept(Allowed);

    /// <summary>An id that no other request has.</summary>
    public static string New() => string.Create(PrefixLength + 1 + CounterLength, Interlocked.Increment(ref last), static (text, number) =>
    {
        Prefix.CopyTo(text);
        text[PrefixLength] = '-';
        Write(text[(PrefixLength + 1)..], (ulong)number);
    });

    /// <summary>Puts the id on an answer; again after the answer was cleared.</summary>
    public static void AddTo(HttpContext context) => context.Response.Headers[Header] = context.TraceIdentifier;

    private static string NewPrefix()
    {
        Span<byte> random = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(random);
        return string.Create(PrefixLength, BinaryPrimitives.ReadUInt64LittleEndian(random), static (text, bits) => Write(text, bits));
    }

    private static void Write(Span<char> text, ulong bits)
    {
        for (var i = text.Length - 1; i >= 0; i--, bits >>= BitsOfACharacter) text[i] = Alphabet[(int)(bits & 31)];
    }
}
