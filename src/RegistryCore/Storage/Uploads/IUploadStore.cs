using System.IO.Pipelines;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Uploads;

/// <summary>The upload sessions. They survive a restart of the server.</summary>
internal interface IUploadStore
{
    /// <summary>How many sessions are open; where several registries share them, those that this one is writing to.</summary>
    int Count { get; }

    /// <summary>
    /// Begins a session; null when the account has as many as it may. One of its own that lay untouched for an hour gives way.
    /// </summary>
    Task<IUploadSession?> CreateAsync(RepositoryName repository, string account, HashAlgorithmName algorithm);

    /// <summary>
    /// A session that lasts one request or one download and that nobody else finds: for a blob that comes whole. Who has it removes it,
    /// also after it was finished.
    /// </summary>
    Task<IUploadSession> CreateTransientAsync(RepositoryName repository, string account, HashAlgorithmName algorithm);

    /// <summary>The session, if it is of this repository and this account; nobody else learns that it exists.</summary>
    ValueTask<IUploadSession?> FindAsync(string? text, RepositoryName repository, string account);

    /// <summary>
    /// Whether a session of this repository and this account became this blob, as far as that is remembered. Whoever lost the answer to
    /// the closing request asks again.
    /// </summary>
    ValueTask<bool> HasFinishedAsync(string? text, RepositoryName repository, string account, Digest digest);

    /// <summary>Removes sessions that nobody has touched for so long, and what crashes have left. Returns how much went.</summary>
    Task<int> SweepAsync(TimeSpan untouchedFor, CancellationToken cancellationToken);
}

/// <summary>
/// An upload session: bytes that arrive in order, hashed while they are written. It belongs to one repository and one account, and to
/// one request at a time; from one whose client has fallen silent a newer request takes it over.
/// </summary>
internal interface IUploadSession
{
    /// <summary>The id that the session's URL ends in.</summary>
    UploadId Id { get; }

    /// <summary>How many bytes have come.</summary>
    long Offset { get; }

    /// <summary>Whether it has ended: a request that found it before may not write to it any more.</summary>
    bool IsOver { get; }

    /// <summary>
    /// Takes the session for one request, until the answer is disposed. One that another request is about to leave is waited for, and one
    /// whose request has brought nothing for a while, as when its client lost the network, is taken over.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null while another request has it, and once it is over.</returns>
    Task<IAsyncDisposable?> EnterAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Appends bytes to the end. If their source ends early, what has arrived stays and can be resumed from; if the disk is full,
    /// nothing of them is kept. What has come is hashed each second, however little it is.
    /// </summary>
    /// <param name="body">Where they come from: a request, or a pipe that a program fills.</param>
    /// <param name="cancellationToken">Ends the wait for the store; the wait for bytes ends with their source.</param>
    /// <returns>
    /// How many bytes were appended; null when the session cannot go on here: it <see cref="IsOver"/>, or a newer request takes it over,
    /// and what has come stays.
    /// </returns>
    /// <exception cref="IOException">The disk is full or broken, or the source ended early.</exception>
    Task<long?> AppendAsync(PipeReader body, CancellationToken cancellationToken);

    /// <summary>
    /// Whether what has come has this digest, as far as that is known without reading it again, or is being closed with it already.
    /// </summary>
    bool Has(Digest digest);

    /// <summary>Takes bytes back that should not have come: back to where the request that has the session began.</summary>
    /// <returns>False when the session cannot go on here, as for <see cref="AppendAsync"/>.</returns>
    Task<bool> TruncateAsync(long offset);

    /// <summary>Makes what has come survive this server, for the next request.</summary>
    /// <returns>False when the session cannot go on here, as for <see cref="AppendAsync"/>.</returns>
    Task<bool> SaveAsync();

    /// <summary>
    /// Ends the session: when its bytes have the digest they become a blob of the repository, durably.
    /// </summary>
    /// <returns>The digest that the bytes have; null when the session cannot go on here, as for <see cref="AppendAsync"/>.</returns>
    Task<Digest?> FinishAsync(Digest expected, CancellationToken cancellationToken);

    /// <summary>Ends the session and gives its bytes back.</summary>
    Task RemoveAsync();
}
