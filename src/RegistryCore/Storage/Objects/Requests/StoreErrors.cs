using System.Net.Sockets;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>What the errors of the store and of the way to it mean.</summary>
/// <param name="client">Knows those of the store.</param>
internal sealed class StoreErrors(IStoreClient client)
{
    /// <summary>Whether a request failed, by whatever the store or the way to it did.</summary>
    /// <param name="e">What was thrown; what proves an object to be damaged is an answer.</param>
    /// <param name="asked">The token of whoever asked: who has left has cut what was on its way.</param>
    public bool IsFailure(Exception e, CancellationToken asked) =>
        !asked.IsCancellationRequested
        && (e is OperationCanceledException or HttpRequestException or IOException or SocketException or TimeoutException
            || client.ErrorOf(e) is not null)
        && e is not ObjectUnreadableException;

    /// <summary>Whether the store understood, and will not, however often it is asked.</summary>
    public bool IsRefusal(Exception? e) => e is not null && client.ErrorOf(e) is { IsRefusal: true };

    /// <summary>Whether the store has lost an upload, or will not have its parts: it has to begin again.</summary>
    public bool IsLostUpload(Exception? e) => e is not null && client.ErrorOf(e) is { IsLostUpload: true };

    /// <summary>What went wrong, for people. Names no host and no account.</summary>
    public string Reason(Exception? e) =>
        (e is null ? null : client.ErrorOf(e)?.Reason) ?? "it cannot be reached, or does not answer in time";

    /// <summary>What went wrong, for the log.</summary>
    public string? Message(Exception? e) => e is null ? null : client.ErrorOf(e)?.Message ?? e.Message;
}
