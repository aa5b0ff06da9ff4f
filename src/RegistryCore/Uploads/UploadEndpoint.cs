using System.Globalization;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Uploads;

/// <summary>Uploads of blobs: whole, streamed, in chunks, and by mounting (OCI distribution-spec 1.1, "Pushing blobs").</summary>
internal sealed class UploadEndpoint(
    IUploadStore uploads, BlobStore blobs, IndexClient index, Challenge challenge, LimitOptions limits, ReportingOptions reporting)
{
    /// <summary>
    /// What a mount needs besides the push, so that the challenge can ask for it: to pull from the repository named by <c>from</c>.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="tail">The tail of its row in the route table.</param>
    public static Scope? MountSource(HttpRequest request, string tail) =>
        tail is "blobs/uploads" or "blobs/uploads/" && request.Query.ContainsKey("mount")
        && RepositoryName.TryParse(request.Query["from"].FirstOrDefault(), out var source)
            ? Scope.Repository(source, ActionSet.Pull)
            : null;

    /// <summary>
    /// POST <c>blobs/uploads/</c>: begins a session; with <c>digest</c> takes the whole blob; with <c>mount</c> links an existing one.
    /// </summary>
    public async Task<OciError?> StartAsync(V2Request request)
    {
        if (request.Query("mount") is { } mount && await MountAsync(request, mount) is { } mounted) return mounted.Error;
        if (request.Query("digest") is { } digest) return await TakeWholeAsync(request, digest);

        var algorithm = request.Query("digest-algorithm");
        if (Digest.ParseAlgorithm(algorithm) is not { } known) return OciError.AlgorithmUnsupported(algorithm ?? "");
        if (await uploads.CreateAsync(request.Repository, request.Token.Subject, known) is not { } session)
        {
            return OciError.TooManyUploads(limits.UploadSessions);
        }

        if (limits.ChunkLength.Bytes is var least and > 0)
        {
            request.Http.Response.Headers["OCI-Chunk-Min-Length"] = least.ToString(CultureInfo.InvariantCulture);
        }

        Describe(request, session, StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>
    /// PATCH: appends the body. Docker streams without Content-Range; a chunk with one must begin where the session ends.
    /// </summary>
    public Task<OciError?> AppendAsync(V2Request request) => InTurnAsync(request, async session =>
    {
        if (await TakeBodyAsync(request, session) is { } error) return error;
        if (!await session.SaveAsync()) return Interrupted(session);
        Describe(request, session, StatusCodes.Status202Accepted);
        return null;
    });

    /// <summary>
    /// PUT: appends what is left, if anything, and makes the session a blob when the digest is right. Sent again, because the answer was
    /// lost, it is answered again (RFC 9110 section 9.2.2).
    /// </summary>
    public async Task<OciError?> FinishAsync(V2Request request)
    {
        var error = await InTurnAsync(request, async session =>
        {
            var text = request.Query("digest") ?? "";
            if (!Digest.TryParse(text, out var digest)) return OciError.DigestInvalid(text);
            if (await TakeBodyAsync(request, session, digest) is { } error) return error;
            return await session.FinishAsync(digest, request.Aborted) is { } actual
                ? Stored(request, digest, actual)
                : Interrupted(session);
        });
        return error is { Code: OciError.UploadUnknownCode } && await HasFinishedAsync(request) ? null : error;
    }

    /// <summary>GET and HEAD: where the session stands.</summary>
    public async Task<OciError?> StatusAsync(V2Request request)
    {
        if (await uploads.FindAsync(request.Argument, request.Repository, request.Token.Subject) is not { } session)
        {
            return OciError.UploadUnknown();
        }

        Describe(request, session, StatusCodes.Status204NoContent);
        return null;
    }

    /// <summary>DELETE: ends the session. crane opens one and cancels it to see whether it may push.</summary>
    public Task<OciError?> CancelAsync(V2Request request) => InTurnAsync(request, async session =>
    {
        await session.RemoveAsync();
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return null;
    });

    /// <summary>
    /// Null when there is nothing to mount that the caller may pull: then an ordinary session begins, and nobody learns why. A caller
    /// who may, but whose token was not asked for it, is told to fetch one that grants it: tokens are never taken for more than they say.
    /// </summary>
    private async Task<(OciError? Error, bool Done)?> MountAsync(V2Request request, string text)
    {
        if (!Digest.TryParse(text, out var digest)) return (OciError.DigestInvalid(text), false);
        foreach (var source in Sources(request))
        {
            if (!await blobs.MountAsync(source, request.Repository, digest, request.Token.Subject)) continue;
            DescribeBlob(request, digest);
            return (null, true);
        }

        return await MissingSourceAsync(request, digest) is { } scope
            ? (
                challenge.ScopeInsufficient(
                    Scope.Repository(request.Repository, ActionSet.Pull.Union(ActionSet.Push)),
                    $"the token does not grant pull on {scope.Name}, the source of the mount",
                    scope),
                false)
            : null;
    }

    /// <summary>
    /// The scope that the token lacks to mount from the repository named, if the index says that the caller may pull from it and it
    /// holds the blob. The right is asked for first: otherwise the time of the answer would tell whether a private repository holds a blob.
    /// </summary>
    private async Task<Scope?> MissingSourceAsync(V2Request request, Digest digest)
    {
        if (!reporting.Enabled || MountSource(request.Http.Request, "blobs/uploads") is not { } scope || request.Token.Grants(scope))
        {
            return null;
        }

        if (await index.PullableAsync(
            request.TokenText, request.Http.Connection.RemoteIpAddress, [scope.Name], request.Aborted) is not { } answer
            || !answer.Repositories.Contains(scope.Name))
        {
            return null;
        }

        return RepositoryName.TryParse(scope.Name, out var source) && await blobs.FindAsync(source, digest) is not null ? scope : null;
    }

    /// <summary>The repositories a mount may come from: the one named, or every one that the token can pull from.</summary>
    private static IEnumerable<RepositoryName> Sources(V2Request request)
    {
        if (request.Query("from") is { } from)
        {
            return RepositoryName.TryParse(from, out var named) && request.Token.Grants(Scope.Repository(named, ActionSet.Pull))
                ? [named]
                : [];
        }

        return request.Token.Access
            .Where(s => s.Type == Scope.RepositoryType && s.Actions.Covers(ActionSet.Pull))
            .Select(s => RepositoryName.TryParse(s.Name, out var name) ? name : default)
            .Where(name => name != default);
    }

    private async Task<OciError?> TakeWholeAsync(V2Request request, string text)
    {
        if (!Digest.TryParse(text, out var digest)) return OciError.DigestInvalid(text);
        var session = await uploads.CreateTransientAsync(request.Repository, request.Token.Subject, digest.Algorithm);
        try
        {
            return await session.AppendAsync(request.Http.Request.BodyReader, request.Aborted) is null
                || await session.FinishAsync(digest, request.Aborted) is not { } actual
                    ? OciError.Unavailable("the storage has lost the upload; send it again")
                    : Stored(request, digest, actual);
        }
        finally
        {
            await session.RemoveAsync();
        }
    }

    private async Task<OciError?> InTurnAsync(V2Request request, Func<IUploadSession, Task<OciError?>> work)
    {
        if (await uploads.FindAsync(request.Argument, request.Repository, request.Token.Subject) is not { } session)
        {
            return OciError.UploadUnknown();
        }

        await using var turn = await session.EnterAsync(request.Aborted);
        if (turn is not null) return await work(session);
        return session.IsOver ? OciError.UploadUnknown() : OciError.UploadBusy();
    }

    private static async Task<OciError?> TakeBodyAsync(V2Request request, IUploadSession session, Digest? expected = null)
    {
        if (expected is { } digest && session.Has(digest))
        {
            // It was sent before, and could not be stored then: whatever range it names, the end of that is where the session stands.
            await request.Http.Request.Body.CopyToAsync(Stream.Null, request.Aborted);
            return null;
        }

        var start = session.Offset;
        ByteRange? declared = null;
        if (request.Http.Request.Headers.ContentRange is [{ } header])
        {
            if (!ChunkRange.TryParse(header, out var range)) return OciError.RangeInvalid(header);
            if (range.First != start) return OciError.ChunkOutOfOrder(start, SessionLocation(request, session), ReceivedRange(session));
            declared = range;
        }

        if (await session.AppendAsync(request.Http.Request.BodyReader, request.Aborted) is not { } received)
        {
            return Interrupted(session);
        }

        if (declared is null || declared.Value.Length == received) return null;
        if (!await session.TruncateAsync(start)) return Interrupted(session);
        return OciError.SizeInvalid(declared.Value.Length, received);
    }

    /// <summary>Why a session does not go on: the storage has lost it, so it has to begin again, or a newer request has it.</summary>
    private static OciError Interrupted(IUploadSession session) => session.IsOver ? OciError.UploadUnknown() : OciError.UploadTakenOver();

    private static OciError? Stored(V2Request request, Digest digest, Digest actual)
    {
        if (actual != digest) return OciError.DigestMismatch(digest, actual);
        DescribeBlob(request, digest);
        return null;
    }

    /// <summary>Answers as the request that made the session a blob was answered, if one did and the blob is still there.</summary>
    private async Task<bool> HasFinishedAsync(V2Request request)
    {
        if (!Digest.TryParse(request.Query("digest"), out var digest)
            || !await uploads.HasFinishedAsync(request.Argument, request.Repository, request.Token.Subject, digest)
            || await blobs.FindToKeepAsync(request.Repository, digest) is null)
        {
            return false;
        }

        // many clients read no answer before they have sent all
        await request.Http.Request.Body.CopyToAsync(Stream.Null, CancellationToken.None);
        DescribeBlob(request, digest);
        return true;
    }

    private static void DescribeBlob(V2Request request, Digest digest)
    {
        var response = request.Http.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = request.Location($"blobs/{digest}");
        response.Headers["Docker-Content-Digest"] = digest.Value;
    }

    private static void Describe(V2Request request, IUploadSession session, int status)
    {
        var response = request.Http.Response;
        response.StatusCode = status;
        response.Headers.Location = SessionLocation(request, session);
        response.Headers.Range = ReceivedRange(session);
        response.Headers["Docker-Upload-UUID"] = session.Id.Value;
    }

    private static string SessionLocation(V2Request request, IUploadSession session) => request.Location($"blobs/uploads/{session.Id}");

    /// <summary>What has arrived; an empty session says 0-0, because clients cannot read an empty range.</summary>
    private static string ReceivedRange(IUploadSession session) => $"0-{Math.Max(0, session.Offset - 1)}";
}
