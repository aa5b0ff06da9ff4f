using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>Password hashes through the system's libxcrypt: makes bcrypt, checks bcrypt and the system's other schemes.</summary>
internal static unsafe partial class PasswordHash
{
    /// <summary>bcrypt reads no further than this many bytes of a password.</summary>
    public const int MaxBcryptBytes = 72;

    /// <summary>The cost of the hashes we make: 2^10 rounds, some 40 ms.</summary>
    public const int Cost = 10;

    // A cost of 16 takes seconds for every guess; more in a file is a mistake or an attack on the processor.
    private const int MaxCost = 16;
    private const int ScratchSize = 32 * 1024; // sizeof(struct crypt_data)
    private static readonly SearchValues<char> HashAlphabet = SearchValues.Create(
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Why a line's hash cannot be used; null when it can.</summary>
    public static string? Problem(string hash)
    {
        if (hash.Length == 0) return "there is no hash";
        if (hash.StartsWith("$2", StringComparison.Ordinal)) return BcryptProblem(hash);
        if (hash.StartsWith("$apr1$", StringComparison.Ordinal))
        {
            return "it is Apache's MD5 ($apr1$), which is too weak and not supported";
        }

        if (hash.StartsWith("{SHA}", StringComparison.OrdinalIgnoreCase)) return "it is unsalted SHA-1 ({SHA}), which is too weak";
        var digest = hash.Split('$') switch
        {
            ["", "1", _, var d] when d.Length == 22 => d,
            ["", "5", .., var d] when d.Length == 43 => d,
            ["", "6", .., var d] when d.Length == 86 => d,
            ["", "y", _, _, var d] when d.Length == 43 => d,
            _ => null,
        };
        if (digest is null) return "it is not a known kind of hash (bcrypt $2y$, yescrypt $y$, SHA-512 $6$, SHA-256 $5$, MD5 $1$)";
        return IsHashText(digest) ? null : "it contains characters that a hash cannot contain";
    }

    /// <summary>Makes a bcrypt hash (<c>$2y$</c>) with a fresh salt.</summary>
    /// <param name="password">1 to <see cref="MaxBcryptBytes"/> bytes of UTF-8, no NUL.</param>
    public static string Make(string password)
    {
        if (NewPasswordProblem(password) is { } problem) throw new ArgumentException(problem, nameof(password));
        Span<byte> salt = stackalloc byte[16];
        RandomNumberGenerator.Fill(salt);
        Span<byte> setting = stackalloc byte[192]; // CRYPT_GENSALT_OUTPUT_SIZE
        fixed (byte* saltAt = salt, settingAt = setting, prefix = "$2y$\0"u8)
        {
            if (GenerateSalt(prefix, new CULong(Cost), saltAt, salt.Length, settingAt, setting.Length) == 0)
            {
                throw new CryptographicException("libxcrypt made no bcrypt salt.");
            }
        }

        using var scratch = new Scratch();
        return scratch.Hash(password, Encoding.ASCII.GetString(setting[..setting.IndexOf((byte)0)]))
            ?? throw new CryptographicException("libxcrypt made no bcrypt hash.");
    }

    /// <summary>Why a password cannot be given to an account; null when it can.</summary>
    public static string? NewPasswordProblem(string password)
    {
        if (password.Length == 0) return "the password is empty";
        if (password.Contains('\0', StringComparison.Ordinal)) return "the password contains a NUL byte";
        var length = Encoding.UTF8.GetByteCount(password);
        return length > MaxBcryptBytes
            ? $"the password has {length} bytes; bcrypt uses only the first {MaxBcryptBytes}: choose a shorter one"
            : null;
    }

    private static string? BcryptProblem(string hash)
    {
        if (hash.Length != 60 || hash[2] is not ('a' or 'b' or 'y') || hash[3] != '$' || hash[6] != '$' || !IsHashText(hash.AsSpan(7)))
        {
            return "it is not a complete bcrypt hash ($2y$, two digits of cost, $, 53 characters)";
        }

        return int.TryParse(hash.AsSpan(4, 2), NumberStyles.None, CultureInfo.InvariantCulture, out var cost) && cost is >= 4 and <= MaxCost
            ? null
            : $"its bcrypt cost is not between 4 and {MaxCost}";
    }

    private static bool IsHashText(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(HashAlphabet);

    [LibraryImport("libcrypt.so.1", EntryPoint = "crypt_gensalt_rn")]
    private static partial nint GenerateSalt(byte* prefix, CULong count, byte* random, int randomSize, byte* output, int outputSize);

    [LibraryImport("libcrypt.so.1", EntryPoint = "crypt_rn")]
    private static partial byte* Crypt(byte* phrase, byte* setting, void* data, int size);

    /// <summary>The memory that libxcrypt works in; one for each thread that hashes.</summary>
    public sealed class Scratch : IDisposable
    {
        private void* data = NativeMemory.AllocZeroed(ScratchSize);

        /// <summary>Whether the password is the one that the hash was made of.</summary>
        public bool Verify(string password, string hash)
        {
            var made = Hash(password, hash);
            return made is not null
                && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(made), Encoding.ASCII.GetBytes(hash));
        }

        /// <summary>
        /// The hash of a password under a setting (or a whole hash, which begins with its setting); null when the setting is none.
        /// </summary>
        public string? Hash(string password, string setting)
        {
            ObjectDisposedException.ThrowIf(data is null, this);
            var phrase = new byte[Encoding.UTF8.GetByteCount(password) + 1];
            var settingBytes = new byte[Encoding.ASCII.GetByteCount(setting) + 1];
            Encoding.UTF8.GetBytes(password, phrase);
            Encoding.ASCII.GetBytes(setting, settingBytes);
            try
            {
                fixed (byte* phraseAt = phrase, settingAt = settingBytes)
                {
                    // Failure is a null pointer, or in other builds of the library a text that begins with '*' and is no hash.
                    var made = Crypt(phraseAt, settingAt, data, ScratchSize);
                    return made is null || *made == (byte)'*' ? null : Marshal.PtrToStringAnsi((nint)made);
                }
            }
            finally
            {
                CryptographicOperations.ZeroMemory(phrase);
                NativeMemory.Clear(data, ScratchSize);
            }
        }

        public void Dispose()
        {
            NativeMemory.Free(data);
            data = null;
        }
    }
}
