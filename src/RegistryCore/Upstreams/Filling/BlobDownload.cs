using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Upstreams.Client;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>
/// Downloads a blob into a <see cref="BlobFill"/>. A download that breaks goes on where it broke (RFC 9110 section 14.2), or reads over
/// what is here already where the upstream knows no ranges. The network is read no faster than the disk takes it.
/// </summary>
internal sealed class BlobDownload(UpstreamClient client, FreeSpace space, UpstreamMetrics metrics, TimeProvider clock)
{
    /// <summary>How long the upstream may send nothing.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private const int ReadSize = 256 * 1024;
    private const int MaxBreaks = 5; // in a row, without a byte between them
    private const int MaxBreaksInAll = 50;
    private const long LeastBytes = 1024 * 1024; // in every period, breaks included
    private const long SpaceCheckInterval = 4 * 1024 * 1024;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan Period = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private long nextSpaceCheck;
    private long periodFrom = clock.GetTimestamp();
    private long periodBytes;

    /// <summary>Downloads all of it; the digest is not looked at.</summary>
    /// <exception cref="UpstreamException">The upstream does not give it.</exception>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public async Task RunAsync(BlobFill fill, CancellationToken cancellationToken)
    {
        long? size = null;
        for (var (breaks, all) = (0, 0); ;)
        {
            var before = fill.Written;
            try
            {
                using var answer = await AskAsync(fill, cancellationToken);
                size ??= SizeOf(answer, fill.Written);
                if (fill.Written == 0)
                {
                    space.Demand(size ?? 0);
                    fill.Begin(new FillHead(size));
                }

                await CopyAsync(fill, answer, size, cancellationToken);
                if (size is null || fill.Written == size) return;
                throw new UpstreamException(FailureKind.Unavailable, $"it ended at byte {fill.Written} of {size}");
            }
            catch (UpstreamException e) when (e.Failure.Kind == FailureKind.Unavailable && size is not null)
            {
                breaks = fill.Written > before ? 1 : breaks + 1;
                var pause = FirstPause * Math.Pow(2, breaks - 1);
                if (e.Failure.RetryAfter > pause) pause = e.Failure.RetryAfter.Value;
                if (breaks > MaxBreaks || ++all > MaxBreaksInAll || pause > LongestPause) throw;
                await Task.Delay(pause, cancellationToken);
                DemandRate(0);
            }
        }
    }

    private Task<HttpResponseMessage> AskAsync(BlobFill fill, CancellationToken cancellationToken) => client.SendAsync(
        HttpMethod.Get,
        fill.Source.Remote.Value,
        $"blobs/{fill.Digest}",
        headers => headers.Range = fill.Written > 0 ? new RangeHeaderValue(fill.Written, null) : null,
        cancellationToken);

    private static long? SizeOf(HttpResponseMessage answer, long written) => answer.StatusCode == HttpStatusCode.PartialContent
        ? answer.Content.Headers.ContentRange?.Length
        : written == 0 ? answer.Content.Headers.ContentLength : null;

    private async Task CopyAsync(BlobFill fill, HttpResponseMessage answer, long? size, CancellationToken cancellationToken)
    {
        var skip = 0L;
        if (fill.Written > 0)
        {
            if (answer.StatusCode == HttpStatusCode.OK) skip = fill.Written; // it knows no ranges
            else if (answer.Content.Headers.ContentRange?.From != fill.Written || answer.Content.Headers.ContentRange.Length != size)
            {
                throw new UpstreamException(FailureKind.Unusable, "it sent another range than was asked for");
            }
        }

        await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (true)
            {
                var read = await ReadAsync(body, buffer, silence, cancellationToken);
                if (read == 0) return;
                metrics.Received(fill.Source.Upstream.Name, read);
                DemandRate(read);
                var bytes = buffer.AsMemory(0, read);
                if (skip > 0)
                {
                    var over = (int)Math.Min(skip, read);
                    (skip, bytes) = (skip - over, bytes[over..]);
                }

                if (fill.Written + bytes.Length > size)
                {
                    throw new UpstreamException(FailureKind.Unusable, $"it sent more than {size} bytes");
                }

                if (fill.Written >= nextSpaceCheck)
                {
                    space.Demand();
                    nextSpaceCheck = fill.Written + SpaceCheckInterval;
                }

                if (bytes.Length > 0) fill.Append(bytes.Span);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Ends a download that would hold its turn for ever, a byte now and then.</summary>
    private void DemandRate(int read)
    {
        periodBytes += read;
        if (clock.GetElapsedTime(periodFrom) < Period) return;
        if (periodBytes < LeastBytes) throw new UpstreamException(FailureKind.Unusable, "it sends too slowly");
        (periodFrom, periodBytes) = (clock.GetTimestamp(), 0);
    }

    /// <summary>Reads what the upstream sends next; 0 at the end.</summary>
    /// <exception cref="UpstreamException">It breaks off, or sends nothing for <see cref="Silence"/>.</exception>
    public static async Task<int> ReadAsync(
        Stream body, byte[] buffer, CancellationTokenSource silence, CancellationToken cancellationToken)
    {
        silence.CancelAfter(Silence);
        try
        {
            return await body.ReadAsync(buffer, silence.Token);
        }
        catch (Exception e) when (e is IOException or HttpRequestException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new UpstreamException(
                FailureKind.Unavailable,
                e is OperationCanceledException ? "it stopped sending" : "the connection broke",
                $"the connection broke: {e.Message}");
        }
    }
}
