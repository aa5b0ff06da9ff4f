using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Tags;

/// <summary>The tags of all repositories and their history. Each move is one commit.</summary>
internal interface ITagStore
{
    /// <summary>The tags of a repository in byte order; null when there is no such repository.</summary>
    ValueTask<IReadOnlyList<string>?> ListAsync(RepositoryName repository, string after, int count);

    /// <summary>Deletes a tag; its manifest stays.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="precondition">Judged against the manifest that the tag points at.</param>
    /// <param name="account">The account that deletes it.</param>
    Task<Deletion> DeleteAsync(RepositoryName repository, string tag, Precondition precondition, string account);

    /// <summary>The moves of a tag, the newest first: all of them, or so many of the newest.</summary>
    ValueTask<IReadOnlyList<TagMove>> HistoryAsync(RepositoryName repository, string tag, int count = int.MaxValue);

    /// <summary>Points a tag at what it pointed at before its last move, or at <paramref name="target"/>, one of those before.</summary>
    Task<RollbackOutcome> RollBackAsync(RepositoryName repository, string tag, Digest? target, string account);

    /// <summary>
    /// Points a tag where it points in another registry, unless somebody here has moved or deleted it since the last import.
    /// </summary>
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="digest">Its manifest.</param>
    /// <param name="account">The account in whose name all imports go.</param>
    Task<TagImportOutcome> ImportAsync(RepositoryName repository, string tag, Digest digest, string account);
}
