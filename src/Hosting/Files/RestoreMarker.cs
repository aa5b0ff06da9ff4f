namespace AuthIndex.Hosting.Files;

/// <summary>The marker of an unfinished restore in a folder: starting with half a state would lose the rest.</summary>
public static class RestoreMarker
{
    /// <summary>The name of the marker file.</summary>
    public const string Name = "restoring";

    /// <summary>Whether it is in a folder.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, Name));

    /// <summary>Creates it unless it exists.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string folder) =>
        DurableFile.Create(Path.Combine(folder, Name), "A restore into this folder is not finished; run it again.\n"u8);

    /// <summary>Removes the marker from a folder.</summary>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public static void Remove(string folder)
    {
        File.Delete(Path.Combine(folder, Name));
        DurableFile.SyncDirectory(folder);
    }

    /// <summary>Refuses a folder that contains it.</summary>
    /// <exception cref="OperatorException">It does.</exception>
    public static void DemandNone(string folder)
    {
        if (IsIn(folder)) throw new OperatorException($"a restore into {Path.GetFullPath(folder)} is not finished: run it again");
    }
}
