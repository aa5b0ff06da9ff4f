namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What the operator lets clients do to the completeness of images.</summary>
/// <param name="AllowsSparse">Whether manifests are taken that refer to what the repository does not hold.</param>
/// <param name="DeletesNeeded">Whether what a manifest needs may be deleted, with a warning, or is refused with 409.</param>
internal sealed record ContentRules(bool AllowsSparse, bool DeletesNeeded);
