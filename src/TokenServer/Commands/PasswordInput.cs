using System.Text;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// Reads a new password: from the terminal, twice and without echo, or from the first line of standard input. Never from an argument, which
/// other processes can read.
/// </summary>
internal static class PasswordInput
{
    // Bounds memory; accepted passwords are far shorter.
    private const int MaxBytes = PasswordSignIn.MaxPasswordBytes;

    // NIST SP 800-63B section 3.1.1.2 requires at least 8 characters with another factor, and 15 without.
    private const int ShortPassword = 8;

    /// <summary>The password. A short one is accepted with a warning.</summary>
    /// <exception cref="OperatorException">It cannot be used.</exception>
    public static string Read(string account)
    {
        var password = Console.IsInputRedirected ? ReadLine(Console.OpenStandardInput()) : ReadTwice(account);
        if (TokenText.IsIn(password))
        {
            throw new OperatorException(
                "the password looks like an access token, refresh token or JWT and would be treated as one");
        }

        if (PasswordHash.NewPasswordProblem(password) is { } problem) throw new OperatorException(problem);
        if (password.Length < ShortPassword)
        {
            Console.Error.WriteLine(
                $"warning: the password has fewer than {ShortPassword} characters and is easy to guess; use 15 or more");
        }

        return password;
    }

    /// <summary>A password that exists already.</summary>
    /// <exception cref="OperatorException">It is empty or cannot be read.</exception>
    public static string ReadOnce(string account)
    {
        var password = Console.IsInputRedirected ? ReadLine(Console.OpenStandardInput()) : ReadUnseen($"Password of {account}: ");
        return password.Length > 0 && !password.Contains('\0', StringComparison.Ordinal)
            ? password
            : throw new OperatorException("the password is empty or contains a NUL byte");
    }

    /// <summary>The first line of a stream, without its end.</summary>
    /// <exception cref="OperatorException">It is too long or not UTF-8.</exception>
    internal static string ReadLine(Stream input)
    {
        var line = new List<byte>();
        for (int read; (read = input.ReadByte()) is not (-1 or '\n');)
        {
            line.Add((byte)read);
            if (line.Count > MaxBytes) throw new OperatorException($"the password is longer than {MaxBytes} bytes");
        }

        if (line is [.., (byte)'\r']) line.RemoveAt(line.Count - 1);
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. line]);
        }
        catch (DecoderFallbackException e)
        {
            throw new OperatorException("the password is not UTF-8", e);
        }
    }

    private static string ReadTwice(string account)
    {
        var first = ReadUnseen($"New password for {account}: ");
        return ReadUnseen("Repeat the password: ") == first
            ? first
            : throw new OperatorException("the two passwords differ; nothing was changed");
    }

    private static string ReadUnseen(string prompt)
    {
        Console.Error.Write(prompt);
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace) typed.Length = Math.Max(0, typed.Length - 1);
            else if (key.KeyChar != '\0') typed.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}
