using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using AuthIndex.RegistryCore.Storage.Objects.Requests;

namespace AuthIndex.RegistryCore.Storage.Objects.S3;

/// <summary>What the errors of an S3-compatible store mean.</summary>
internal static class S3Errors
{
    /// <summary>What an error means; null when it is not the client's own.</summary>
    public static StoreError? Of(Exception e) => e switch
    {
        AmazonS3Exception answer when (int)answer.StatusCode != 0 => new StoreError(
            e.Message, Reason(answer.StatusCode, answer.ErrorCode), IsRefusal(answer.StatusCode, answer.ErrorCode),
            IsLostUpload(answer.ErrorCode)),
        AmazonServiceException or AmazonClientException => new StoreError(e.Message),
        _ => null,
    };

    /// <summary>
    /// A store that refuses content unread may take the rest of it for the next request of the connection, and answers that with 400 or
    /// 405.
    /// </summary>
    private static bool IsRefusal(HttpStatusCode status, string? code) =>
        (int)status is >= 300 and < 500 && status is not (HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests)
        && code is not (null or "" or "BadRequest" or "MethodNotAllowed" or "RequestTimeout" or "IncompleteBody" or "BadDigest"
            or "XAmzContentSHA256Mismatch");

    private static bool IsLostUpload(string? code) =>
        code is "NoSuchUpload" or "InvalidPart" or "InvalidPartOrder" or "EntityTooSmall" or "EntityTooLarge";

    private static string Reason(HttpStatusCode status, string? code) => (code, status) switch
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
