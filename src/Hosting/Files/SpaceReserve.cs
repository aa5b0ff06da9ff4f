namespace AuthIndex.Hosting.Files;

/// <summary>
/// A file that keeps some room of the volume taken, so that a server can start, delete and revoke when something else has filled
/// the volume to the last byte: a database must write down what it does before it can give room back. The room is given up for
/// that and taken again as soon as it is free.
/// </summary>
/// <param name="file">The file, in a folder that exists.</param>
public sealed class SpaceReserve(string file)
{
    /// <summary>The file's name in a server's folder.</summary>
    public const string Name = "reserve";

    /// <summary>How much is kept, in bytes: the journal of some hundred deletions.</summary>
    public const int Size = 4 * 1024 * 1024;

    /// <summary>How often it is taken again, even while nothing is written: other programs may fill the volume.</summary>
    public static readonly TimeSpan TakeEvery = TimeSpan.FromSeconds(5);

    // What stays free beyond it, so that taking it does not stop those who write at the same moment.
    private const int Spare = Size / 4;

    private readonly Lock gate = new();
    private volatile bool isTaken = IsThere(file);

    /// <summary>The bytes that it lacks: free room that is not for others to use.</summary>
    public long Missing => isTaken ? 0 : Size;

    /// <summary>
    /// Takes the room where it is free; another process may have given it up. Never throws, since it is called after work that has
    /// succeeded.
    /// </summary>
    public void Take()
    {
        lock (gate)
        {
            try
            {
                isTaken = IsThere(file) || TryMake();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                isTaken = false; // the volume is missing or the room was taken; the next call tries again
            }
        }
    }

    /// <summary>Gives the room up; false when there was none to give.</summary>
    public bool Release()
    {
        lock (gate)
        {
            isTaken = false;
            if (!File.Exists(file)) return false;
            File.Delete(file);
            return true;
        }
    }

    private static bool IsThere(string file) => new FileInfo(file) is { Exists: true, Length: Size };

    private bool TryMake()
    {
        if (new DriveInfo(ParentFolder.Of(file)).AvailableFreeSpace < Size + Spare) return false;
        try
        {
            using var handle = GuardedFile.Recreate(file, Size);
            RandomAccess.SetLength(handle, Size);
            return true;
        }
        catch (IOException)
        {
            File.Delete(file);
            throw;
        }
    }
}
