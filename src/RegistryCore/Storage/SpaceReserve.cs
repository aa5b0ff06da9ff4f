namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// Some room that is kept taken, so that deleting goes on when something else has filled the volume to the last byte: a deletion
/// must be written down before it can give room back. It is given up for the deletion and taken again once there is room.
/// </summary>
internal sealed class SpaceReserve(StorageDirectory directory)
{
    /// <summary>How much is kept, in bytes: the journal of some hundred deletions.</summary>
    public const int Size = 4 * 1024 * 1024;

    private readonly Lock gate = new();
    private volatile bool isTaken;

    /// <summary>Takes the room where it is free, twice over; costs nothing while it is taken.</summary>
    public void Take()
    {
        if (isTaken) return;
        lock (gate)
        {
            if (new FileInfo(directory.Reserve) is { Exists: true, Length: Size })
            {
                isTaken = true;
                return;
            }

            if (new DriveInfo(directory.Root).AvailableFreeSpace < 2 * Size) return;
            try
            {
                using var file = File.OpenHandle(directory.Reserve, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, preallocationSize: Size);
                RandomAccess.SetLength(file, Size);
                isTaken = true;
            }
            catch (IOException)
            {
                File.Delete(directory.Reserve); // somebody was quicker; the next write tries again
            }
        }
    }

    /// <summary>Gives the room up; false when it was given up before.</summary>
    public bool Release()
    {
        lock (gate)
        {
            isTaken = false;
            if (!File.Exists(directory.Reserve)) return false;
            File.Delete(directory.Reserve);
            return true;
        }
    }
}
