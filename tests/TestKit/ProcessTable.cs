namespace AuthIndex.TestKit;

/// <summary>What runs on this machine, from <c>/proc</c>.</summary>
public static class ProcessTable
{
    /// <summary>The processes whose command line holds a text.</summary>
    public static IReadOnlyList<(int Id, string CommandLine)> Naming(string text)
    {
        var found = new List<(int, string)>();
        foreach (var id in Ids())
        {
            if (Read($"/proc/{id}/cmdline")?.Replace('\0', ' ') is not { } line) continue;
            if (line.Contains(text, StringComparison.Ordinal)) found.Add((id, line));
        }

        return found;
    }

    /// <summary>The command lines of what a process started, and of what these started.</summary>
    public static IReadOnlyList<string> Below(int id) =>
        [.. Ids().Where(p => Parent(p) == id)
            .SelectMany(IEnumerable<string> (p) => [$"{p} {Read($"/proc/{p}/cmdline")?.Replace('\0', ' ')}", .. Below(p)])];

    /// <summary>The most memory a process has held at any one time, in bytes.</summary>
    public static long PeakMemory(int id)
    {
        var line = File.ReadLines($"/proc/{id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim()) * 1024;
    }

    private static IEnumerable<int> Ids() =>
        Directory.EnumerateDirectories("/proc").Select(f => int.TryParse(Path.GetFileName(f), out var id) ? id : 0).Where(id => id > 0);

    // The second field after the program's name, which may hold anything but ends with the last bracket.
    private static int? Parent(int id) =>
        Read($"/proc/{id}/stat") is { } stat ? int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]) : null;

    // A process may end while it is looked at.
    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
