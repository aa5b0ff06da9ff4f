using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Uploads;

/// <summary>Uploads of blobs: whole, streamed, in chunks, and by mounting (OCI distribution-spec 1.1, "Pushing blobs").</summary>
internal sealed class UploadEndpoint(UploadStore uploads, BlobStore blobs)
{
    /// <summary>POST <c>blobs/uploads/</c>: begins a session; with <c>digest</c> takes the whole blob; with <c>mount</c> links an existing one.</summary>
    public async Task<OciError?> StartAsync(V2Request request)
    {
        if (request.Query("mount") is { } mount && await MountAsync(request, mount) is { } mounted) return mounted.Error;
        if (request.Query("digest") is { } digest) return await TakeWholeAsync(request, digest);

        var algorithm = request.Query("digest-algorithm");
        if (Digest.ParseAlgorithm(algorithm) is not { } known) return OciError.AlgorithmUnsupported(algorithm!);
        var session = uploads.Create(request.Repository, request.Token.Subject, known);
        Describe(request, session, StatusCodes.Status202Accepted);
        return null;
    }

    /// <summary>PATCH: appends the body. Docker streams without Content-Range; a chunk with one must begin where the session ends.</summary>
    public Task<OciError?> AppendAsync(V2Request request) => InTurnAsync(request, async session =>
    {
        if (await TakeBodyAsync(request, session) is { } error) return error;
        Describe(request, session, StatusCodes.Status202Accepted);
        return null;
    });

    /// <summary>PUT: appends what is left, if anything, and makes the session a blob when the digest is right.</summary>
    public Task<OciError?> FinishAsync(V2Request request) => InTurnAsync(request, async session =>
    {
        var text = request.Query("digest") ?? "";
        if (!Digest.TryParse(text, out var digest)) return OciError.DigestInvalid(text);
        if (await TakeBodyAsync(request, session) is { } error) return error;
        return await StoreAsync(request, session, digest);
    });

    /// <summary>GET: where the session stands.</summary>
    public Task<OciError?> StatusAsync(V2Request request)
    {
        if (uploads.Find(request.Argument, request.Repository, request.Token.Subject) is not { } session) return Task.FromResult<OciError?>(OciError.UploadUnknown());
        Describe(request, session, StatusCodes.Status204NoContent);
        return Task.FromResult<OciError?>(null);
    }

    /// <summary>DELETE: ends the session. crane opens one and cancels it to see whether it may push.</summary>
    public Task<OciError?> CancelAsync(V2Request request) => InTurnAsync(request, session =>
    {
        uploads.Remove(session);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.FromResult<OciError?>(null);
    });

    /// <summary>Null when there is nothing to mount that the caller may pull: then an ordinary session begins, and nobody learns why.</summary>
    private async Task<(OciError? Error, bool Done)?> MountAsync(V2Request request, string text)
    {
        if (!Digest.TryParse(text, out var digest)) return (OciError.DigestInvalid(text), false);
        foreach (var source in Sources(request))
        {
            if (!await blobs.MountAsync(source, request.Repository, digest)) continue;
            DescribeBlob(request, digest);
            return (null, true);
        }

        return null;
    }

    /// <summary>The repositories a mount may come from: the one named, or every one that the token can pull from.</summary>
    private static IEnumerable<RepositoryName> Sources(V2Request request)
    {
        if (request.Query("from") is { } from)
        {
            return RepositoryName.TryParse(from, out var named) && request.Token.Grants(Scope.Repository(named, ActionSet.Pull)) ? [named] : [];
        }

        return request.Token.Access
            .Where(s => s.Type == Scope.RepositoryType && s.Actions.Covers(ActionSet.Pull))
            .Select(s => RepositoryName.TryParse(s.Name, out var name) ? name : default)
            .Where(name => name != default);
    }

    private async Task<OciError?> TakeWholeAsync(V2Request request, string text)
    {
        if (!Digest.TryParse(text, out var digest)) return OciError.DigestInvalid(text);
        var session = uploads.CreateTransient(request.Repository, request.Token.Subject, digest.Algorithm);
        try
        {
            await session.AppendAsync(request.Http.Request.BodyReader, request.Aborted);
            return await StoreAsync(request, session, digest);
        }
        finally
        {
            uploads.Remove(session);
        }
    }

    private async Task<OciError?> InTurnAsync(V2Request request, Func<UploadSession, Task<OciError?>> work)
    {
        if (uploads.Find(request.Argument, request.Repository, request.Token.Subject) is not { } session) return OciError.UploadUnknown();
        using var turn = session.TryEnter();
        if (turn is not null) return await work(session);
        return session.IsOver ? OciError.UploadUnknown() : OciError.UploadBusy();
    }

    private static async Task<OciError?> TakeBodyAsync(V2Request request, UploadSession session)
    {
        var start = session.Offset;
        ByteRange? declared = null;
        if (request.Http.Request.Headers.ContentRange is [{ } header])
        {
            if (!ChunkRange.TryParse(header, out var range)) return OciError.RangeInvalid(header);
            if (range.First != start) return OciError.ChunkOutOfOrder(start, SessionLocation(request, session), ReceivedRange(session));
            declared = range;
        }

        var received = await session.AppendAsync(request.Http.Request.BodyReader, request.Aborted);
        if (declared is null || declared.Value.Length == received) return null;
        session.TruncateTo(start);
        return OciError.SizeInvalid(declared.Value.Length, received);
    }

    private async Task<OciError?> StoreAsync(V2Request request, UploadSession session, Digest digest)
    {
        var actual = await uploads.FinishAsync(session, digest, request.Aborted);
        if (actual != digest) return OciError.DigestMismatch(digest, actual);
        DescribeBlob(request, digest);
        return null;
    }

    private static void DescribeBlob(V2Request request, Digest digest)
    {
        var response = request.Http.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = request.Location($"blobs/{digest}");
        response.Headers["Docker-Content-Digest"] = digest.Value;
    }

    private static void Describe(V2Request request, UploadSession session, int status)
    {
        var response = request.Http.Response;
        response.StatusCode = status;
        response.Headers.Location = SessionLocation(request, session);
        response.Headers.Range = ReceivedRange(session);
        response.Headers["Docker-Upload-UUID"] = session.Id.Value;
    }

    private static string SessionLocation(V2Request request, UploadSession session) => request.Location($"blobs/uploads/{session.Id}");

    /// <summary>What has arrived; an empty session says 0-0, because clients cannot read an empty range.</summary>
    private static string ReceivedRange(UploadSession session) => $"0-{Math.Max(0, session.Offset - 1)}";
}
