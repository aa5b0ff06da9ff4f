namespace AuthIndex.Hosting.Files;

/// <summary>
/// The content of files, followed while a server runs: each use costs a stat of each file, and they are read again only when the stats
/// change, whether they were written, renamed or relinked. Thread-safe.
/// </summary>
/// <typeparam name="T">What is known of the files: their content, or the last good one and why a newer one could not be read.</typeparam>
public sealed class FollowedFiles<T>
    where T : class
{
    private readonly Lock gate = new();
    private readonly string[] paths;
    private readonly Reader read;
    private Seen seen;

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="read">Reads them. What it throws at the first reading is passed on; later it must not throw.</param>
    public FollowedFiles(string[] paths, Reader read)
    {
        (this.paths, this.read) = (paths, read);
        seen = Read(null);
    }

    /// <summary>Reads the files; called again whenever one of them has changed.</summary>
    /// <param name="last">What was known of them; null at the first reading.</param>
    /// <param name="isFinal">False to be asked again at the next use, whatever the stats say.</param>
    public delegate T Reader(T? last, out bool isFinal);

    /// <summary>What is known of the files at this moment.</summary>
    public T Current
    {
        get
        {
            var last = Volatile.Read(ref seen);
            if (last.IsCurrent) return last.Value;
            lock (gate)
            {
                if (!seen.IsCurrent) Volatile.Write(ref seen, Read(seen.Value));
                return seen.Value;
            }
        }
    }

    private Seen Read(T? last)
    {
        var files = FileSnapshot.Of(paths);
        var value = read(last, out var isFinal);
        return new Seen(files, value, isFinal);
    }

    private sealed record Seen(FileSnapshot Files, T Value, bool IsFinal)
    {
        public bool IsCurrent => IsFinal && Files.IsCurrent;
    }
}
