using System.Globalization;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects.Azure;

/// <summary>
/// Begins downloads, signed like every other request. Those of the SDK's own ask again by themselves when they break off, without any
/// limit of time.
/// </summary>
/// <param name="service">The account; its requests are not repeated.</param>
/// <param name="version">Of the protocol.</param>
internal sealed class AzureDownloads(BlobServiceClient service, BlobClientOptions.ServiceVersion version)
{
    private readonly HttpPipeline pipeline = Pipelines.Of(service);
    private readonly string version = version.ToString()[1..].Replace('_', '-'); // from V2026_02_06, for example

    /// <summary>Asks once for a blob, or the part of it that a range names.</summary>
    /// <exception cref="RequestFailedException">The store refuses, or has no such blob.</exception>
    public async Task<StoreAnswer> GetAsync(Uri blob, ByteRange? range, CancellationToken cancellationToken)
    {
        var message = pipeline.CreateMessage();
        StoreAnswer? answer = null;
        try
        {
            message.BufferResponse = false;
            message.Request.Method = RequestMethod.Get;
            message.Request.Uri.Reset(blob);
            message.Request.Headers.Add("x-ms-version", version);
            if (range is { } wanted) message.Request.Headers.Add("x-ms-range", $"bytes={wanted.First}-{wanted.Last}");
            await pipeline.SendAsync(message, cancellationToken);
            return answer = Answer(message);
        }
        finally
        {
            if (answer is null) message.Dispose();
        }
    }

    private static StoreAnswer Answer(HttpMessage message)
    {
        var response = message.Response;
        if (response.Status is not (200 or 206)) throw new RequestFailedException(response);
        if (response is not { ContentStream: { } content, Headers.ContentLengthLong: { } length })
        {
            throw new IOException("the store does not say how long its answer is");
        }

        // The range itself may be one of nothing, which is no valid header.
        var isPart = response.Status == 206;
        var total = response.Headers.TryGetValue("Content-Range", out var part) ? part.Split('/')[^1] : null;
        long? size = !isPart ? length
            : long.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? whole
            : null;
        return new StoreAnswer(content, length, size, isPart, message);
    }

    /// <summary>What only clients derived from the SDK's get.</summary>
    private sealed class Pipelines : BlobServiceClient
    {
        public static HttpPipeline Of(BlobServiceClient service) => GetHttpPipeline(service);
    }
}
