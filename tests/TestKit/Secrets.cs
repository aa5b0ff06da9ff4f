using System.Collections.Concurrent;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>The secrets that a test's servers were given or gave out, none of which may ever be told.</summary>
public sealed class Secrets
{
    // What is shorter stands in texts by chance.
    private const int ShortestLooked = 8;

    private readonly ConcurrentDictionary<string, string> known = new(StringComparer.Ordinal);

    /// <summary>Remembers one.</summary>
    /// <param name="what">What it is, for the message.</param>
    /// <param name="secret">The secret; of a signed token its signature is looked for, of a PEM file each of its lines.</param>
    public void Add(string what, string secret)
    {
        var looked = secret.Contains("-----BEGIN", StringComparison.Ordinal)
            ? secret.Split('\n').Where(l => !l.StartsWith("-----", StringComparison.Ordinal))
            : secret.Split('.') is [var header, _, var signature] && header.StartsWith("eyJ", StringComparison.Ordinal) ? [signature]
            : [secret];
        foreach (var text in looked.Select(l => l.Trim()).Where(l => l.Length >= ShortestLooked)) known[text] = what;
    }

    /// <summary>Remembers a password and the header that carries it.</summary>
    public void AddPassword(string user, string password)
    {
        Add($"the password of {user}", password);
        Add($"the credentials of {user}", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
    }

    /// <summary>What the text tells of them, by what they are; empty for nothing.</summary>
    public IReadOnlyList<string> ToldBy(string text) =>
        [.. known.Where(s => text.Contains(s.Key, StringComparison.Ordinal)).Select(s => s.Value).Distinct(StringComparer.Ordinal)];
}
