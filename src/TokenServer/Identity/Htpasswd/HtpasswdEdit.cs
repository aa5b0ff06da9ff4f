using System.Text;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>Changes one account in an htpasswd file's bytes and leaves every other line as it is, byte for byte.</summary>
internal static class HtpasswdEdit
{
    /// <summary>The names of all accounts, in the file's order, each once.</summary>
    public static IReadOnlyList<string> Names(ReadOnlySpan<byte> file)
    {
        var names = new List<string>();
        foreach (var line in HtpasswdLine.Split(file))
        {
            var text = file[line.Text];
            var colon = text.IndexOf((byte)':');
            if (!line.IsNoAccount && colon > 0) names.Add(Encoding.UTF8.GetString(text[..colon]));
        }

        return [.. names.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The file with a line for a new account at its end; null when the account exists.</summary>
    public static byte[]? Add(ReadOnlySpan<byte> file, string account, string hash)
    {
        if (FirstOf(file, account) is not null) return null;
        var end = file.Length > 0 && file[^1] != '\n' ? "\n" : "";
        return [.. file, .. Encoding.UTF8.GetBytes($"{end}{account}:{hash}\n")];
    }

    /// <summary>
    /// The file with another hash in the account's line, the first where there are several, which is the one in use; null when there is
    /// none.
    /// </summary>
    public static byte[]? Replace(ReadOnlySpan<byte> file, string account, string hash) =>
        FirstOf(file, account) is { } line
            ? [.. file[..line.Text.Start.Value], .. Encoding.UTF8.GetBytes($"{account}:{hash}"), .. file[line.Text.End.Value..]]
            : null;

    /// <summary>
    /// The file without any of the account's lines (removing only the first would activate the next); null when there is none.
    /// </summary>
    public static byte[]? Remove(ReadOnlySpan<byte> file, string account)
    {
        var name = Encoding.UTF8.GetBytes(account);
        var kept = new List<byte>(file.Length);
        foreach (var line in HtpasswdLine.Split(file))
        {
            if (!line.IsOf(file, name)) kept.AddRange(file[line.Whole]);
        }

        return kept.Count == file.Length ? null : [.. kept];
    }

    private static HtpasswdLine? FirstOf(ReadOnlySpan<byte> file, string account)
    {
        var name = Encoding.UTF8.GetBytes(account);
        foreach (var line in HtpasswdLine.Split(file))
        {
            if (line.IsOf(file, name)) return line;
        }

        return null;
    }
}
