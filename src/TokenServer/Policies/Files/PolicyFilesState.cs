namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>One state of the policy files on disk. Two that are equal have seen no write in between.</summary>
/// <param name="Revision">A short hash of names and contents; null when the files cannot be read.</param>
/// <param name="Written">Inode, size and time of every file: a file that is truncated and rewritten to the same point has the same content
/// twice.</param>
internal readonly record struct PolicyFilesState(string? Revision, string Written);
