using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// Where the processes of a registry leave the pulls that they saw for the one that reports to the index: others at once, and itself when
/// it stops.
/// </summary>
internal interface ISharedPulls
{
    /// <summary>Leaves pulls; of a manifest that is there already the later one counts.</summary>
    Task NoteAsync(IReadOnlyList<PulledManifest> pulls);

    /// <summary>Takes up to <paramref name="count"/> of them away.</summary>
    Task<IReadOnlyList<PulledManifest>> TakeAsync(int count);
}
