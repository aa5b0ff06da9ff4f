using System.Xml;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using Azure;

namespace AuthIndex.RegistryCore.Storage.Objects.Azure;

/// <summary>What the errors of Azure Blob Storage mean.</summary>
/// <param name="clock">Tells whose clock is wrong.</param>
internal sealed class AzureErrors(TimeProvider clock)
{
    // By more the store takes no signature.
    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(15);

    /// <summary>What an error means; null when it is not the client's own.</summary>
    public StoreError? Of(Exception e) => e switch
    {
        RequestFailedException { Status: not 0 } answer => new StoreError(
            $"{FirstLine(answer)} ({answer.Status} {answer.ErrorCode})", Reason(answer), IsRefusal(answer), IsLostUpload(answer)),
        RequestFailedException => new StoreError(FirstLine(e)),
        XmlException => new StoreError($"its answer cannot be read: {e.Message}"), // a page of a proxy in between
        _ => null,
    };

    /// <summary>Without a code it is the answer of a proxy in between.</summary>
    private static bool IsRefusal(RequestFailedException e) =>
        e is { Status: >= 300 and < 500 and not (408 or 429), ErrorCode: not (null or "" or "Md5Mismatch" or "Crc64Mismatch") };

    private static bool IsLostUpload(RequestFailedException e) =>
        e.ErrorCode is "InvalidBlockList" or "InvalidBlockId" or "InvalidBlobOrBlock" or "BlockCountExceedsLimit" or "BlockListTooLong"
            or "RequestBodyTooLarge";

    private string Reason(RequestFailedException e) => (e.ErrorCode, e.Status) switch
    {
        ("ContainerNotFound", _) => "there is no such container",
        (_, 401 or 403) when IsUnknown(e) && IsSkewed(e) => "its clock and this server's differ by too much",
        (_, 401 or 403) when IsUnknown(e) => $"the key or SAS token is not the account's, or has expired ({e.ErrorCode})",
        ("ServerBusy", _) or (_, 503) => "it is overloaded",
        (_, 403) => $"the account may not do this (403 {e.ErrorCode})",
        _ => $"it answers {e.Status} {e.ErrorCode}",
    };

    /// <summary>Whether the store does not believe the signature; the codes for that differ.</summary>
    private static bool IsUnknown(RequestFailedException e) =>
        e.ErrorCode == "AuthenticationFailed" || e.Message.StartsWith("Server failed to authenticate", StringComparison.Ordinal);

    private bool IsSkewed(RequestFailedException e) =>
        e.GetRawResponse()?.Headers.Date is { } theirs && (clock.GetUtcNow() - theirs).Duration() > MostSkew;

    /// <summary>What follows are headers and the whole answer.</summary>
    private static string FirstLine(Exception e) => e.Message.Split('\n', 2)[0].Trim();
}
