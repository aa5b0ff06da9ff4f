using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>One account of an htpasswd file.</summary>
/// <param name="Name">The account.</param>
/// <param name="Hash">Its hash; null when the line's hash cannot be used, which locks the account out.</param>
/// <param name="Problem">Why the hash cannot be used, never the hash itself; null when it can.</param>
/// <param name="Line">The number of its line, from 1.</param>
internal sealed record HtpasswdAccount(string Name, string? Hash, string? Problem, int Line);

/// <summary>One reading of an htpasswd file: its accounts and the problems with its lines.</summary>
internal sealed class HtpasswdContent
{
    private const string Remedy = "make a bcrypt line with 'users passwd' or 'htpasswd -B'";
    private const string NoOnesHash = "$2y$10$abcdefghijklmnopqrstuuLdE0xVQdCoMzxVQv1WQbYyvtVXyGvCe";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, HtpasswdAccount> accounts;
    private readonly ILookup<string, string> alike;
    private readonly string[] hashes;
    private readonly byte[] decoyKey = RandomNumberGenerator.GetBytes(32);

    private HtpasswdContent(Dictionary<string, HtpasswdAccount> accounts, IReadOnlyList<SourceProblem> problems)
    {
        this.accounts = accounts;
        alike = accounts.Keys.Order(StringComparer.Ordinal).ToLookup(AccountSpelling.Key, StringComparer.Ordinal);
        hashes = [.. accounts.Values.Select(a => a.Hash).OfType<string>().DefaultIfEmpty(NoOnesHash)];
        Problems = problems;
    }

    /// <summary>How many accounts there are.</summary>
    public int Count => accounts.Count;

    /// <summary>The accounts, ordered by name.</summary>
    public IEnumerable<HtpasswdAccount> Accounts => accounts.Values.OrderBy(a => a.Name, StringComparer.Ordinal);

    /// <summary>What is wrong, with file and line; never a hash.</summary>
    public IReadOnlyList<SourceProblem> Problems { get; }

    /// <summary>Those of the problems that are accounts whose names differ only in letter case or spaces.</summary>
    public IReadOnlyList<SourceProblem> LookAlikes { get; private set; } = [];

    /// <summary>Reads a file's bytes. A bad line affects only its own account.</summary>
    public static HtpasswdContent Parse(string path, ReadOnlySpan<byte> bytes)
    {
        var found = new Dictionary<string, HtpasswdAccount>(StringComparer.Ordinal);
        var problems = new List<SourceProblem>();
        var number = 0;
        foreach (var line in HtpasswdLine.Split(bytes))
        {
            number++;
            if (line.IsNoAccount) continue;
            if (Read(bytes[line.Text], number, found, out var account) is { } problem)
            {
                problems.Add(new SourceProblem(new SourcePosition(path, number, 1), problem, IsWarning: true));
            }

            if (account is not null) found.TryAdd(account.Name, account);
        }

        var content = new HtpasswdContent(found, problems);
        content.LookAlikes = [.. content.alike.SelectMany(same => same.Skip(1).Select(name => LookAlike(path, found[name], same.First())))];
        problems.AddRange(content.LookAlikes);
        return content;
    }

    /// <summary>The account of that very name, or null.</summary>
    public HtpasswdAccount? Find(string name) => accounts.GetValueOrDefault(name);

    /// <summary>The accounts whose names are equal to one but for letter case and spaces (<see cref="AccountSpelling.Key"/>).</summary>
    public IReadOnlyList<string> Alike(string name) => [.. alike[AccountSpelling.Key(name)]];

    /// <summary>
    /// A hash to verify for an unknown name, so that timing reveals nothing. It is the hash of some account, always the same for one name:
    /// where accounts have hashes of different cost, unknown names have them in the same proportion.
    /// </summary>
    public string DecoyFor(string name) =>
        hashes[BitConverter.ToUInt32(HMACSHA256.HashData(decoyKey, Encoding.UTF8.GetBytes(name))) % (uint)hashes.Length];

    private static SourceProblem LookAlike(string path, HtpasswdAccount account, string first) => new(
        new SourcePosition(path, account.Line, 1),
        $"the account '{account.Name}' differs only in letter case or spaces from '{first}' and is easily confused with it",
        IsWarning: true);

    private static string? Read(
        ReadOnlySpan<byte> line, int number, Dictionary<string, HtpasswdAccount> known, out HtpasswdAccount? account)
    {
        account = null;
        string text;
        try
        {
            text = StrictUtf8.GetString(line);
        }
        catch (DecoderFallbackException)
        {
            return "the line is not UTF-8 and is ignored";
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return $"the line does not have the form name:hash and is ignored; {Remedy}";

        // No hash holds a space; editors and copies leave them at the end, where nobody sees them.
        var (name, hash) = (text[..colon], text[(colon + 1)..].Trim(' ', '\t'));
        if (AccountName.Problem(name) is { } unfit) return $"{unfit}; the line is ignored";
        if (known.ContainsKey(name)) return $"the account '{name}' is repeated; the first line is used, this one is ignored";

        var problem = PasswordHash.Problem(hash);
        account = new HtpasswdAccount(name, problem is null ? hash : null, problem, number);
        return problem is null ? null : $"the account '{name}' cannot sign in because its hash cannot be used: {problem}; {Remedy}";
    }
}
