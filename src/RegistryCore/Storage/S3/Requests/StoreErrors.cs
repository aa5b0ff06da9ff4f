using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;

namespace AuthIndex.RegistryCore.Storage.S3.Requests;

/// <summary>What the errors of the store and of the way to it mean.</summary>
internal static class StoreErrors
{
    /// <summary>Whether a request failed, by whatever the store or the way to it did.</summary>
    /// <param name="e">What was thrown; what proves an object to be damaged is an answer.</param>
    /// <param name="asked">The token of whoever asked: who has left has cut what was on its way.</param>
    public static bool IsFailure(Exception e, CancellationToken asked) =>
        !asked.IsCancellationRequested
        && e is OperationCanceledException or AmazonServiceException or AmazonClientException or HttpRequestException or IOException
            or SocketException or TimeoutException
        && e is not ObjectUnreadableException;

    /// <summary>
    /// Whether the store understood, and will not, however often it is asked. A store that refuses content unread may take the rest of it
    /// for the next request of the connection, and answers that with 400 or 405.
    /// </summary>
    public static bool IsRefusal(Exception e) =>
        e is AmazonS3Exception { StatusCode: var status, ErrorCode: var code }
        && (int)status is >= 300 and < 500 and not ((int)HttpStatusCode.RequestTimeout or (int)HttpStatusCode.TooManyRequests)
        && code is not (null or "" or "BadRequest" or "MethodNotAllowed" or "RequestTimeout" or "IncompleteBody" or "BadDigest"
            or "XAmzContentSHA256Mismatch");

    /// <summary>Whether the store has lost an upload, or will not have its parts: it has to begin again.</summary>
    public static bool IsLostUpload(Exception e) =>
        e is AmazonS3Exception { ErrorCode: "NoSuchUpload" or "InvalidPart" or "InvalidPartOrder" or "EntityTooSmall" or "EntityTooLarge" };

    /// <summary>What went wrong, for people. Names no host and no account.</summary>
    public static string Reason(Exception? e) =>
        e is not AmazonS3Exception { StatusCode: var status, ErrorCode: var code } || (int)status == 0
        ? "it cannot be reached, or does not answer in time"
        : (code, status) switch
        {
            ("InvalidAccessKeyId", _) => "it does not know the access key",
            ("SignatureDoesNotMatch", _) => "the secret key does not belong to the access key (SignatureDoesNotMatch)",
            ("RequestTimeTooSkewed", _) => "its clock and this server's differ by too much",
            ("NoSuchBucket", _) => "there is no such bucket",
            ("SlowDown", _) or (_, HttpStatusCode.ServiceUnavailable) => "it is overloaded",
            (_, HttpStatusCode.Forbidden) => "the account may not do this (403)",
            _ => $"it answers {(int)status} {code}",
        };
}
