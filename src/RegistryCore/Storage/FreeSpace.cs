using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>There is no room for what a client sends.</summary>
internal sealed class StorageFullException(string message) : IOException(message);

/// <summary>
/// How much room the registry's volume has. Pushes stop at a floor above zero, because deleting and collecting need room
/// themselves: for the database's journal.
/// </summary>
internal sealed class FreeSpace(StorageDirectory directory, SpaceReserve reserve, ByteSize floor)
{
    private readonly DriveInfo volume = new(directory.Root);

    /// <summary>Bytes that pushes may still write: what is free, without what the reserve has to get back.</summary>
    /// <exception cref="IOException">The volume is away.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be asked.</exception>
    public long Available => Math.Max(0, volume.AvailableFreeSpace - reserve.Missing);

    /// <summary>Bytes below which nothing is taken any more.</summary>
    public long Floor => floor.Bytes;

    /// <summary>Whether pushes are refused.</summary>
    public bool IsLow => Available is var available && (available < Floor || available == 0);

    /// <summary>Refuses a push while space is low.</summary>
    /// <param name="size">How many bytes are about to be written.</param>
    /// <exception cref="StorageFullException">Space is low, or would be.</exception>
    public void Demand(long size = 0)
    {
        if (Available - size is var left && (left < Floor || left <= 0))
        {
            throw new StorageFullException($"{left} bytes {(size > 0 ? "would be" : "are")} free, fewer than the floor of {Floor}");
        }
    }
}
