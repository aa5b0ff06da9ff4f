using System.IO.Pipelines;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Protocol;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Files;

/// <summary>Copies a part of a file into an answer, reading straight into the answer's own buffers.</summary>
internal static class FileSender
{
    // Measured: 128 KiB is slower than distribution on large blobs, 256 KiB a third faster, and more gains nothing.
    private const int ReadSize = 256 * 1024;

    /// <summary>
    /// How many pieces of that size may wait to be sent: 16 MiB. A client that does not read holds its piece until it is cut off, so with
    /// more of them at once a piece is no longer than the answer's next block.
    /// </summary>
    internal const int MaxLarge = 64;

    private static int waiting;

    /// <summary>Sends the range, and counts what was handed to the connection; ends early when the client has hung up.</summary>
    /// <exception cref="IOException">The file is shorter than the range.</exception>
    /// <exception cref="OperationCanceledException">The client has hung up.</exception>
    public static async Task SendAsync(PipeWriter body, SafeFileHandle file, ByteRange range, CancellationToken cancellationToken)
    {
        var record = RequestRecord.Current;
        record?.Sent ??= 0;
        var at = range.First;
        while (at <= range.Last)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var isLarge = Interlocked.Increment(ref waiting) <= MaxLarge;
            try
            {
                var read = Read(body, file, at, range.Last - at + 1, isLarge);
                if (read == 0) throw new IOException($"A blob's file ends at byte {at}; its record says {range.Last + 1} and more.");
                at += read;

                // Without the token: many clients hang up on the last byte, and what they have must not look as if it had not been sent.
                // A client that stops reading ends the wait all the same: Kestrel cuts connections that are slower than the least rate.
                var flushed = await body.FlushAsync(CancellationToken.None);
                record?.Sent += read;
                if (flushed.IsCompleted) return;
            }
            finally
            {
                Interlocked.Decrement(ref waiting);
            }
        }
    }

    private static int Read(PipeWriter body, SafeFileHandle file, long at, long left, bool isLarge)
    {
        var piece = body.GetSpan(isLarge ? (int)Math.Min(ReadSize, left) : 0);
        var read = RandomAccess.Read(file, piece[..(int)Math.Min(Math.Min(ReadSize, left), piece.Length)], at);
        body.Advance(read);
        return read;
    }
}
