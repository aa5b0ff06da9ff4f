namespace AuthIndex.Hosting.Files;

/// <summary>
/// The state of files just before they were read: whether what was read is still what they hold, at the cost of a stat of each. A
/// file that could change once more without its stamp changing, and one that is missing, always has to be read again.
/// </summary>
public sealed class FileSnapshot
{
    private readonly string[] paths;
    private readonly FileVersion?[] stamps;
    private readonly bool isSettled; // judged now: later on, a second write within the same tick would look settled too

    private FileSnapshot(string[] paths)
    {
        this.paths = paths;
        stamps = Stamps();
        isSettled = Array.TrueForAll(stamps, s => s is { IsSettled: true });
    }

    /// <summary>Whether the files are as they were.</summary>
    public bool IsCurrent => isSettled && Stamps().AsSpan().SequenceEqual(stamps);

    /// <summary>The state of files now. Take it before reading them: what is written meanwhile then shows at the next look.</summary>
    public static FileSnapshot Of(params string[] paths) => new(paths);

    private FileVersion?[] Stamps() => Array.ConvertAll(paths, FileVersion.Of);
}
