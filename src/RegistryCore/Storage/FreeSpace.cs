namespace AuthIndex.RegistryCore.Storage;

/// <summary>There is no room for what a client sends.</summary>
internal sealed class StorageFullException(string message) : IOException(message);

/// <summary>
/// How much room the registry's volume has. Pushes stop at a floor above zero, because deleting and collecting need room
/// themselves: for the database's journal.
/// </summary>
internal sealed class FreeSpace(StorageDirectory directory, RegistryOptions options)
{
    private readonly DriveInfo volume = new(directory.Root);

    /// <summary>Bytes that the registry may still write.</summary>
    public long Available => volume.AvailableFreeSpace;

    /// <summary>Bytes below which nothing is taken any more.</summary>
    public long Floor => options.FreeSpaceFloor.Bytes;

    /// <summary>Whether pushes are refused.</summary>
    public bool IsLow => Available < Floor;

    /// <summary>Refuses a push while space is low.</summary>
    /// <param name="size">How many bytes are about to be written.</param>
    /// <exception cref="StorageFullException">Space is low, or would be.</exception>
    public void Demand(long size = 0)
    {
        if (Available - size is var left && left < Floor) throw new StorageFullException($"{left} bytes {(size > 0 ? "would be" : "are")} free, fewer than the floor of {Floor}");
    }
}
