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

    /// <summary>The name does not match the grammar (OCI distribution-spec 1.1, "Pulling manifests"; "Error Codes", code-8).</summary>
    public static OciError NameInvalid(string name) =>
        new(
            400,
            "NAME_INVALID",
            $"'{Shown(name)}' is not a repository name: components of a-z and 0-9, joined inside by single . or _, __ or -, separated by "
                + $"/, at most {RepositoryName.MaxLength} characters");

    /// <summary>No such repository (OCI distribution-spec 1.1, "Listing Tags"; "Error Codes", code-9).</summary>
    public static OciError NameUnknown(RepositoryName name) => new(404, "NAME_UNKNOWN", $"no repository {name} here");

    /// <summary>The text is not a digest (OCI image-spec, "Digests"; "Error Codes", code-4).</summary>
    public static OciError DigestInvalid(string text) =>
        new(
            400,
            "DIGEST_INVALID",
            $"'{Shown(text)}' is not a digest: sha256: followed by 64, or sha512: followed by 128 lower-case hex digits");

    /// <summary>
    /// The content does not have the digest that the client named (OCI distribution-spec 1.1, "Pushing a blob monolithically"; "Error
    /// Codes", code-4).
    /// </summary>
    public static OciError DigestMismatch(Digest expected, Digest actual) =>
        new(400, "DIGEST_INVALID", $"the content has the digest {actual}, not {expected}; nothing was stored");

    /// <summary>
    /// The digest algorithm is not one that every registry must know (OCI image-spec, "Digests"; "Error
    /// Codes", code-4).
    /// </summary>
    public static OciError AlgorithmUnsupported(string text) =>
        new(400, "DIGEST_INVALID", $"the digest algorithm '{Shown(text)}' is not supported; sha256 and sha512 are");

    /// <summary>The error code of <see cref="BlobUnknown"/> (OCI distribution-spec 1.1, "Error Codes", code-1).</summary>
    public const string BlobUnknownCode = "BLOB_UNKNOWN";

    /// <summary>The repository does not hold the blob (OCI distribution-spec 1.1, "Pulling blobs"; "Error Codes", code-1).</summary>
    public static OciError BlobUnknown(Digest digest) => new(404, BlobUnknownCode, $"no blob {digest} in this repository");

    /// <summary>
    /// The text is neither a tag nor a digest (OCI distribution-spec 1.1, "Pulling manifests"; TAG_INVALID is of Docker Registry HTTP
    /// API V2).
    /// </summary>
    public static OciError TagInvalid(string text) =>
        new(400, "TAG_INVALID", $"'{Shown(text)}' is neither a tag (a letter, digit or _, then up to 127 of these, . and -) nor a digest");

    /// <summary>
    /// Asked for what cannot be the name of a manifest: then there is none (clients ask so to see how a missing one is answered).
    /// </summary>
    public static OciError ReferenceUnknown(string text) => new(404, ManifestUnknownCode, TagInvalid(text).Message);

    /// <summary>The code of what is answered for a manifest that is not here.</summary>
    public const string ManifestUnknownCode = "MANIFEST_UNKNOWN";

    /// <summary>
    /// The repository does not hold the manifest or tag (OCI distribution-spec 1.1, "Pulling manifests"; "Error Codes", code-7).
    /// </summary>
    public static OciError ManifestUnknown(Reference reference) =>
        new(404, ManifestUnknownCode, $"no manifest {reference} in this repository");

    /// <summary>The manifest is not acceptable (OCI distribution-spec 1.1, "Pushing Manifests"; "Error Codes", code-6).</summary>
    public static OciError ManifestInvalid(string reason) => new(400, "MANIFEST_INVALID", reason);

    /// <summary>A push of bytes that are stored under another media type.</summary>
    public static OciError ManifestTypeDiffers(string stored) => ManifestInvalid(
        $"these bytes are already stored as {stored}, which every tag of the digest relies on: push them with that Content-Type, or "
            + "delete the manifest first");

    /// <summary>
    /// The manifest is larger than the limit (OCI distribution-spec 1.1, "Pushing Manifests", 413; "Error Codes", code-6).
    /// </summary>
    public static OciError ManifestTooLarge(long limit) => new(413, "MANIFEST_INVALID", $"a manifest may have at most {limit} bytes");

    /// <summary>
    /// The manifest references content that the repository does not hold (OCI distribution-spec 1.1, "Pushing Manifests"; "Error
    /// Codes", code-5).
    /// </summary>
    public static OciError ReferencesUnknown(IReadOnlyList<Digest> missing) =>
        new(
            404,
            "MANIFEST_BLOB_UNKNOWN",
            $"the manifest references {missing[0]}{(missing.Count > 1 ? $" and {missing.Count - 1} more" : "")}, "
                + "which is not in this repository: push referenced content first")
        {
            Detail = new Dictionary<string, string>(StringComparer.Ordinal) { ["digest"] = missing[0].Value },
        };

    /// <summary>The tag does not match If-Match or If-None-Match (RFC 9110 section 13.1, 412).</summary>
    public static OciError TagMoved(string tag) =>
        new(412, "PRECONDITION_FAILED", $"the tag {tag} does not match the request's precondition");

    /// <summary>A deletion, by a digest, of what was to have no tags and has some: an extension of this registry's own.</summary>
    public static OciError StillTagged(string digest, IReadOnlyList<string> tags)
    {
        const int Named = 10;
        var more = tags.Count > Named ? $" and {tags.Count - Named} more" : "";
        return new(409, "DENIED", $"tags point at {digest}: {string.Join(", ", tags.Take(Named))}{more}; delete them first");
    }

    /// <summary>A deletion of what something else cannot be pulled without.</summary>
    public static OciError StillNeeded(string content, string need) => new(409, "DENIED", $"{need} needs {content}: delete that first");

    /// <summary>The error code of <see cref="UploadUnknown"/> (OCI distribution-spec 1.1, "Error Codes").</summary>
    public const string UploadUnknownCode = "BLOB_UPLOAD_UNKNOWN";

    /// <summary>No such upload session (OCI distribution-spec 1.1, "Pushing a blob in chunks"; "Error Codes", code-3).</summary>
    public static OciError UploadUnknown() =>
        new(404, UploadUnknownCode, "no such upload session: it has finished, has expired, or belongs to another account");

    /// <summary>
    /// Another request continues the session (OCI distribution-spec 1.1, "Pushing a blob in chunks"; "Error Codes", code-2).
    /// </summary>
    public static OciError UploadTakenOver() =>
        new(409, "BLOB_UPLOAD_INVALID", "a newer request took over this upload session because this one had sent nothing for a while");

    /// <summary>
    /// Another request is writing to the session (OCI distribution-spec 1.1, "Pushing a blob in chunks"; "Error Codes", code-2).
    /// </summary>
    public static OciError UploadBusy() => new(409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload session");

    /// <summary>
    /// The Content-Range of a chunk cannot be read (OCI distribution-spec 1.1, "Pushing a blob in chunks"; "Error Codes", code-2).
    /// </summary>
    public static OciError RangeInvalid(string text) =>
        new(400, "BLOB_UPLOAD_INVALID", $"the Content-Range '{Shown(text)}' is not of the form FIRST-LAST");

    /// <summary>
    /// The body is not as long as its Content-Range says (OCI distribution-spec 1.1, "Pushing a blob in chunks"; "Error Codes",
    /// code-10).
    /// </summary>
    public static OciError SizeInvalid(long declared, long received) =>
        new(400, "SIZE_INVALID", $"the Content-Range announced {declared} bytes, but the body has {received}; none of it was kept");

    /// <summary>The blob has more bytes than the storage can keep as one (OCI distribution-spec 1.1, "Error Codes", code-10).</summary>
    /// <param name="most">How many bytes a blob can have.</param>
    public static OciError BlobTooLarge(long most) => new(413, "SIZE_INVALID", $"a blob may have at most {most} bytes here");

    /// <summary>A chunk that does not begin where the session ends; the headers tell the client where it does.</summary>
    public static OciError ChunkOutOfOrder(long expected, string location, string range) =>
        new(416, "BLOB_UPLOAD_INVALID", $"the next chunk must begin at byte {expected}")
        {
            Headers = [new("Location", location), new("Range", range)],
        };

    /// <summary>No range of the request is within the blob (RFC 9110 section 15.5.17).</summary>
    public static OciError RangeNotSatisfiable(long size) =>
        new(
            416,
            "RANGE_INVALID",
            $"the blob has {size} bytes; none of the requested ranges is within it") { Headers = [new(
                "Content-Range", $"bytes */{size}")] };

    /// <summary>
    /// The parameter n is not a number (OCI distribution-spec 1.1, "Listing Tags"; PAGINATION_NUMBER_INVALID is of Docker Registry HTTP
    /// API V2).
    /// </summary>
    public static OciError PageInvalid(string text) =>
        new(400, "PAGINATION_NUMBER_INVALID", $"n='{Shown(text)}' is not a whole number of 0 or more");

    /// <summary>No route matches the path (OCI distribution-spec 1.1, "Endpoints"; "Error Codes", code-13).</summary>
    public static OciError NotFound() => new(404, "UNSUPPORTED", "no such endpoint");

    /// <summary>The route does not have the method (RFC 9110 section 15.5.6; "Error Codes", code-13).</summary>
    public static OciError MethodNotAllowed(string allow) =>
        new(405, "UNSUPPORTED", $"the method is not one of {allow}") { Headers = [new("Allow", allow)] };

    /// <summary>The request is malformed (OCI distribution-spec 1.1, "Error Codes", code-13).</summary>
    public static OciError BadRequest(string reason) => new(400, "UNSUPPORTED", reason);

    /// <summary>
    /// There is no room. A push is answered with 403: clients show its text at once, where they try a 507 again and again and show nothing
    /// of it. Programs know it by the <c>reason</c> in the detail.
    /// </summary>
    /// <param name="requestId">The request's name in the log.</param>
    /// <param name="isRead">Whether the request is a GET or HEAD.</param>
    public static OciError NoSpace(string requestId, bool isRead) =>
        new(
            isRead ? 507 : 403,
            isRead ? "UNAVAILABLE" : "DENIED",
            $"the registry's storage is full; nothing was stored (request id {requestId})")
        {
            Detail = new Dictionary<string, string>(StringComparer.Ordinal) { ["reason"] = "storage-full" },
        };

    /// <summary>The index refused the action when the token was asked for, so another token would not help.</summary>
    public static OciError Denied(string reason) => new(403, "DENIED", reason);

    /// <summary>The bodies that are being read take all the memory they may; nothing of this one was kept.</summary>
    public static OciError TooManyBodies() =>
        new(
            503,
            "UNAVAILABLE",
            "the registry is receiving as many manifests as it can handle at once: try again") { Headers = [new("Retry-After", "5")] };

    /// <summary>The bodies of one account that are being read take all the memory they may.</summary>
    public static OciError TooManyBodiesOfAccount() =>
        new(429, "TOOMANYREQUESTS", "this account is sending as many manifests as it may at once: try again")
        {
            Headers = [new("Retry-After", "5")],
        };

    /// <summary>The manifest did not arrive in time (RFC 9110 section 15.5.9; "Error Codes", code-6).</summary>
    public static OciError ManifestTooSlow(TimeSpan limit) =>
        new(408, "MANIFEST_INVALID", $"the manifest did not arrive within {(long)limit.TotalSeconds} seconds");

    /// <summary>The index refused whoever searches. Not a challenge: no client fetches a token for a search.</summary>
    /// <param name="status">The index's status.</param>
    /// <param name="message">Its reason.</param>
    /// <param name="retryAfter">After how many seconds it is worth trying again; null to leave that open.</param>
    public static OciError SearchRefused(int status, string? message, long? retryAfter) => new(
        status is 400 or 401 or 403 or 429 or 503 ? status : 503,
        status switch { 401 => "UNAUTHORIZED", 429 => "TOOMANYREQUESTS", 400 or 403 => "DENIED", _ => "UNAVAILABLE" },
        message ?? "the index refused the search")
    {
        Headers = [
            .. status == 401 ? [new KeyValuePair<string, string>("WWW-Authenticate", "Basic realm=\"authindex\"")] : NoHeaders,
            .. retryAfter is { } wait ? [new KeyValuePair<string, string>("Retry-After", $"{wait}")] : NoHeaders],
    };

    private static IEnumerable<KeyValuePair<string, string>> NoHeaders => [];

    /// <summary>More requests without a known account than an address may make.</summary>
    public static OciError TooManyRequests(TimeSpan wait) =>
        new(429, "TOOMANYREQUESTS", "too many requests without signing in from this address: wait, or sign in")
        {
            Headers = [new("Retry-After", $"{Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds))}")],
        };

    /// <summary>The account has too many open upload sessions (OCI distribution-spec 1.1, "Error Codes", code-14).</summary>
    public static OciError TooManyUploads(int limit) =>
        new(
            429,
            "TOOMANYREQUESTS",
            $"the account already has {limit} uploads open, the most allowed (registry.limits.uploadSessions): finish or cancel some, or "
                + "wait until abandoned ones expire")
        {
            Headers = [new("Retry-After", "60")],
        };

    /// <summary>A push into a repository that is a copy.</summary>
    /// <param name="name">The repository.</param>
    /// <param name="upstream">Of what it is a copy.</param>
    public static OciError MirrorIsReadOnly(RepositoryName name, string upstream) =>
        new(403, "DENIED", $"{name} is a copy of the upstream {upstream}: nothing can be pushed to it; use another name");

    /// <summary>A push into a repository that is a copy of an upstream that is no longer configured.</summary>
    public static OciError FormerMirrorIsReadOnly(RepositoryName name) =>
        new(403, "DENIED", $"{name} lies below the prefix of a former upstream: nothing can be pushed there; use another name");

    /// <summary>An upstream's repository that the operator does not serve.</summary>
    public static OciError UpstreamNotAllowed(string upstream, RepositoryName remote) =>
        new(403, "DENIED", $"the upstream {upstream} is not set up to serve {remote} here (registry.upstreams[].allow)");

    /// <summary>An upstream does not answer, and there is no copy.</summary>
    /// <param name="status">403, 429, 502 or 503.</param>
    /// <param name="upstream">Which.</param>
    /// <param name="reason">Why; without secrets.</param>
    /// <param name="retryAfter">After how long it is worth trying again; null when that is not known.</param>
    public static OciError UpstreamFailed(int status, string upstream, string reason, TimeSpan? retryAfter) => new(
        status,
        status switch { 403 => "DENIED", 429 => "TOOMANYREQUESTS", _ => "UNAVAILABLE" },
        $"there is no copy here, and the upstream {upstream} gives none: {Shown(reason)}")
    {
        Headers = status is 429 or 503 ? [new("Retry-After", $"{Math.Max(1, (long)Math.Ceiling((retryAfter ?? Soon).TotalSeconds))}")] : [],
    };

    private static TimeSpan Soon => TimeSpan.FromSeconds(10);

    /// <summary>What it takes to answer is not available at the moment (RFC 9110 section 15.6.4).</summary>
    public static OciError Unavailable(string reason) => new(503, "UNAVAILABLE", reason) { Headers = [new("Retry-After", "5")] };

    /// <summary>The registry failed; the details are in its log only (RFC 9110 section 15.6.1).</summary>
    public static OciError Internal(string requestId) =>
        new(500, "UNKNOWN", $"the registry failed; its log says why under the request id {requestId}");

    /// <summary>What a client sent, made fit for a message: bounded, and without control characters.</summary>
    private static string Shown(string text) =>
        string.Concat((text.Length > 120 ? text[..120] + "…" : text).Select(c => char.IsControl(c) ? '?' : c));
}
