using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// The account that searches a directory, shared by all connections to all its servers. A password that the directory refused is
/// not sent again for minutes, until the file holds another: each try counts against the account, which would be locked.
/// </summary>
internal sealed class ServiceAccount(DirectorySettings settings, TimeProvider time)
{
    /// <summary>What the file of bindPasswordFile is, for messages.</summary>
    public const string Password = "the directory password";

    /// <summary>What to do when it is missing.</summary>
    public const string Remedy = "write the password of bindDn into it";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly Lock gate = new();
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private byte[]? accepted;
    private Refusal? refusal;

    /// <summary>Why its last bind was rejected; null when it succeeded.</summary>
    public string? Problem { get; private set; }

    /// <summary>Checks before opening a connection whether a bind is worth trying.</summary>
    /// <exception cref="ServiceBindException">It would not.</exception>
    public void Demand()
    {
        if (settings.Options.BindDn is null) return;
        var hash = Hash(Read());
        lock (gate) ThrowIfRefused(hash);
    }

    /// <summary>Records that its bind was rejected.</summary>
    /// <returns>Whether that is news.</returns>
    public bool Failed(string reason)
    {
        lock (gate)
        {
            var isNews = Problem != reason;
            Problem = reason;
            return isNews;
        }
    }

    /// <summary>Records that it could bind and search.</summary>
    public void Worked()
    {
        if (Problem is null) return;
        lock (gate) Problem = null;
    }

    /// <summary>Binds a connection. A password that was not accepted before is tried by one thread at a time.</summary>
    /// <param name="server">The server, for messages.</param>
    /// <param name="bind">Binds with a name and a password.</param>
    /// <exception cref="ServiceBindException">The account's bind was rejected.</exception>
    public void Bind(DirectoryServer server, Func<string, string, BindAnswer> bind)
    {
        if (settings.Options.BindDn is not { } dn) return;
        var password = Read();
        var hash = Hash(password);
        if (IsAccepted(hash))
        {
            Try(server, dn, password, hash, bind);
            return;
        }

        lock (gate)
        {
            ThrowIfRefused(hash);
            Try(server, dn, password, hash, bind);
        }
    }

    private byte[] Hash(string password) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(password));

    private Refusal? RefusalOf(byte[] hash) =>
        refusal is { } last && CryptographicOperations.FixedTimeEquals(last.Hash, hash) ? last : null;

    private void ThrowIfRefused(byte[] hash)
    {
        if (RefusalOf(hash) is not { } last) return;
        var left = last.Pause - time.GetElapsedTime(last.Since);
        if (left > TimeSpan.Zero) throw new ServiceBindException(last.Reason, left);
    }

    private bool IsAccepted(byte[] hash)
    {
        lock (gate) return accepted is not null && CryptographicOperations.FixedTimeEquals(accepted, hash);
    }

    private void Try(DirectoryServer server, string dn, string password, byte[] hash, Func<string, string, BindAnswer> bind)
    {
        var answer = bind(dn, password);
        lock (gate)
        {
            if (answer.IsSuccess)
            {
                (accepted, refusal) = (hash, null);
                return;
            }

            var why = BindVerdict.ActiveDirectoryReason(answer.Diagnostic) ?? (answer.Code == ResultCodes.InvalidCredentials
                ? $"the password in {settings.Options.BindPasswordFile} is wrong, or the account does not exist"
                : $"{ResultCodes.Name(answer.Code)} {LogText.Clean(answer.Diagnostic)}".TrimEnd());
            var reason = $"{server} rejected bindDn {dn}: {why}";
            if (answer.Code != ResultCodes.InvalidCredentials) throw new ServiceBindException(reason, settings.Options.Timeouts.Retry);

            var again = RefusalOf(hash) is { } last ? last.Pause * 2 : FirstPause;
            refusal = new Refusal(hash, reason, time.GetTimestamp(), again < LongestPause ? again : LongestPause);
            accepted = null;
            throw new ServiceBindException(reason, refusal.Pause);
        }
    }

    /// <summary>Read again for every connection, so that a changed password needs no restart.</summary>
    private string Read()
    {
        try
        {
            return Encoding.UTF8.GetString(SecretFile.Read(settings.BindPasswordFile, Password, Remedy))
                .TrimEnd('\r', '\n') is { Length: > 0 } password
                ? password
                : throw new ServiceBindException($"{settings.Options.BindPasswordFile} is empty", settings.Options.Timeouts.Retry);
        }
        catch (OperatorException e)
        {
            throw new ServiceBindException(e.Message, settings.Options.Timeouts.Retry, e);
        }
    }

    private sealed record Refusal(byte[] Hash, string Reason, long Since, TimeSpan Pause);
}

/// <summary>Every server rejects the searching account's bind.</summary>
/// <param name="reason">Why; never a password.</param>
/// <param name="retryAfter">When it is tried again, unless its password is changed before.</param>
/// <param name="inner">The cause, where it was not a server's answer.</param>
internal sealed class ServiceBindException(string reason, TimeSpan retryAfter, Exception? inner = null) : Exception(reason, inner)
{
    /// <summary>When it is tried again, unless its password is changed before.</summary>
    public TimeSpan RetryAfter => retryAfter;
}
