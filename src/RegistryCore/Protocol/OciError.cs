using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// An error answer (OCI distribution-spec 1.1, "Error Codes"): every one the registry gives is made by a member of this type,
/// and rendered in one place.
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The code of the specification, upper case.</param>
/// <param name="Message">One sentence for a person; docker prints it.</param>
internal sealed record OciError(int Status, string Code, string Message)
{
    /// <summary>What a program may want to know, as JSON-serialisable texts; null for nothing.</summary>
    public IReadOnlyDictionary<string, string>? Detail { get; init; }

    /// <summary>Headers that belong to the answer, such as the challenge of a 401 or the Range of a 416.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public static OciError NameInvalid(string name) =>
        new(400, "NAME_INVALID", $"'{Shown(name)}' is not a repository name: components of a-z and 0-9, joined inside by single . or _, __ or -, separated by /, at most {RepositoryName.MaxLength} characters");

    public static OciError NameUnknown(RepositoryName name) => new(404, "NAME_UNKNOWN", $"no repository {name} here");

    public static OciError DigestInvalid(string text) =>
        new(400, "DIGEST_INVALID", $"'{Shown(text)}' is not a digest: sha256: followed by 64, or sha512: followed by 128 lower-case hex digits");

    public static OciError DigestMismatch(Digest expected, Digest actual) =>
        new(400, "DIGEST_INVALID", $"the content has the digest {actual}, not {expected}; nothing was stored");

    public static OciError AlgorithmUnsupported(string text) =>
        new(400, "DIGEST_INVALID", $"the digest algorithm '{Shown(text)}' is not supported; sha256 and sha512 are");

    public static OciError BlobUnknown(Digest digest) => new(404, "BLOB_UNKNOWN", $"no blob {digest} in this repository");

    public static OciError TagInvalid(string text) =>
        new(400, "TAG_INVALID", $"'{Shown(text)}' is neither a tag (a letter, digit or _, then up to 127 of these, . and -) nor a digest");

    /// <summary>Asked for what cannot be the name of a manifest: then there is none (clients ask so to see how a missing one is answered).</summary>
    public static OciError ReferenceUnknown(string text) => new(404, "MANIFEST_UNKNOWN", TagInvalid(text).Message);

    public static OciError ManifestUnknown(Reference reference) => new(404, "MANIFEST_UNKNOWN", $"no manifest {reference} in this repository");

    public static OciError ManifestInvalid(string reason) => new(400, "MANIFEST_INVALID", reason);

    /// <summary>A push of bytes that are stored under another media type.</summary>
    public static OciError ManifestTypeDiffers(string stored) => ManifestInvalid(
        $"these bytes are stored here as {stored}, and every tag of the digest relies on that: push them with that Content-Type, or delete the manifest first");

    public static OciError ManifestTooLarge(long limit) => new(413, "MANIFEST_INVALID", $"a manifest may have at most {limit} bytes");

    public static OciError ReferencesUnknown(IReadOnlyList<Digest> missing) =>
        new(404, "MANIFEST_BLOB_UNKNOWN", $"the manifest refers to {missing[0]}{(missing.Count > 1 ? $" and {missing.Count - 1} more" : "")}, not in this repository: push what a manifest refers to before it")
        {
            Detail = new Dictionary<string, string>(StringComparer.Ordinal) { ["digest"] = missing[0].Value },
        };

    public static OciError TagMoved(string tag) => new(412, "PRECONDITION_FAILED", $"the tag {tag} is not what the request's precondition says");

    /// <summary>A deletion of what something else cannot be pulled without.</summary>
    public static OciError StillNeeded(string content, string need) => new(409, "DENIED", $"{need} needs {content}: delete that first");

    /// <summary>The code of <see cref="UploadUnknown"/>.</summary>
    public const string UploadUnknownCode = "BLOB_UPLOAD_UNKNOWN";

    public static OciError UploadUnknown() => new(404, UploadUnknownCode, "no such upload session; it ended, expired, or belongs to somebody else");

    public static OciError UploadTakenOver() => new(409, "BLOB_UPLOAD_INVALID", "a newer request has taken over this upload session, after this one had sent nothing for a while");

    public static OciError UploadBusy() => new(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload session");

    public static OciError RangeInvalid(string text) =>
        new(400, "BLOB_UPLOAD_INVALID", $"the Content-Range '{Shown(text)}' is not of the form FIRST-LAST");

    public static OciError SizeInvalid(long declared, long received) =>
        new(400, "SIZE_INVALID", $"the Content-Range promised {declared} bytes, the body held {received}; nothing of it was kept");

    /// <summary>A chunk that does not begin where the session ends; the headers tell the client where it does.</summary>
    public static OciError ChunkOutOfOrder(long expected, string location, string range) =>
        new(416, "BLOB_UPLOAD_INVALID", $"the next chunk must begin at byte {expected}")
        {
            Headers = [new("Location", location), new("Range", range)],
        };

    public static OciError RangeNotSatisfiable(long size) =>
        new(416, "RANGE_INVALID", $"the blob has {size} bytes; none of the ranges asked for lies in it") { Headers = [new("Content-Range", $"bytes */{size}")] };

    public static OciError PageInvalid(string text) => new(400, "PAGINATION_NUMBER_INVALID", $"n='{Shown(text)}' is not a whole number of 0 or more");

    public static OciError NotFound() => new(404, "UNSUPPORTED", "no such endpoint");

    public static OciError MethodNotAllowed(string allow) => new(405, "UNSUPPORTED", $"the method is not one of {allow}") { Headers = [new("Allow", allow)] };

    public static OciError BadRequest(string reason) => new(400, "UNSUPPORTED", reason);

    /// <summary>
    /// There is no room. A push is answered with 403: clients show its text at once, where they try a 507 again and again and show nothing
    /// of it. Programs know it by the <c>reason</c> in the detail.
    /// </summary>
    /// <param name="requestId">The request's name in the log.</param>
    /// <param name="isRead">Whether the request is a GET or HEAD.</param>
    public static OciError NoSpace(string requestId, bool isRead) =>
        new(isRead ? 507 : 403, isRead ? "UNAVAILABLE" : "DENIED", $"the registry's storage is full; nothing of this request was kept (request id {requestId})")
        {
            Detail = new Dictionary<string, string>(StringComparer.Ordinal) { ["reason"] = "storage-full" },
        };

    /// <summary>The index refused the action when the token was asked for, so another token would not help.</summary>
    public static OciError Denied(string reason) => new(403, "DENIED", reason);

    /// <summary>The bodies that are being read take all the memory they may; nothing of this one was kept.</summary>
    public static OciError TooManyBodies() => new(503, "UNAVAILABLE", "the registry is receiving as many manifests as it can at once: try again") { Headers = [new("Retry-After", "5")] };

    /// <summary>The bodies of one account that are being read take all the memory they may.</summary>
    public static OciError TooManyBodiesOfAccount() =>
        new(429, "TOOMANYREQUESTS", "the registry is receiving as many manifests of this account as it may send at once: try again") { Headers = [new("Retry-After", "5")] };

    public static OciError ManifestTooSlow(TimeSpan limit) => new(408, "MANIFEST_INVALID", $"the manifest did not arrive within {(long)limit.TotalSeconds} seconds");

    /// <summary>More requests without a known account than an address may make.</summary>
    public static OciError TooManyRequests(TimeSpan wait) =>
        new(429, "TOOMANYREQUESTS", "too many requests without signing in from this address: wait, or sign in") { Headers = [new("Retry-After", $"{Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds))}")] };

    public static OciError TooManyUploads(int limit) =>
        new(429, "TOOMANYREQUESTS", $"the account has {limit} uploads open, as many as it may: finish or cancel some, or wait until those expire that nobody goes on with") { Headers = [new("Retry-After", "60")] };

    public static OciError Unavailable(string reason) => new(503, "UNAVAILABLE", reason) { Headers = [new("Retry-After", "5")] };

    public static OciError Internal(string requestId) => new(500, "UNKNOWN", $"the registry failed; its log says why under the request id {requestId}");

    /// <summary>What a client sent, made fit for a message: bounded, and without control characters.</summary>
    private static string Shown(string text) =>
        string.Concat((text.Length > 120 ? text[..120] + "…" : text).Select(c => char.IsControl(c) ? '?' : c));
}
