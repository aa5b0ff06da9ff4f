namespace AuthIndex.TestKit;

/// <summary>What runs on this machine, from <c>/proc</c>.</summary>
public static class ProcessTable
{
    /// <summary>The processes whose command line holds a text.</summary>
    public static IReadOnlyList<(int Id, string CommandLine)> Naming(string text)
    {
        var found = new List<(int, string)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id) || Read(Path.Combine(folder, "cmdline")) is not { } line) continue;
            line = line.Replace('\0', ' ');
            if (line.Contains(text, StringComparison.Ordinal)) found.Add((id, line));
        }

        return found;
    }

    /// <summary>The most memory a process has held at any one time, in bytes.</summary>
    public static long PeakMemory(int id)
    {
        var line = File.ReadLines($"/proc/{id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim()) * 1024;
    }

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
