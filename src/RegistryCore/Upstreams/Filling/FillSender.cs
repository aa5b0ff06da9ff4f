using System.IO.Pipelines;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>Sends a part of a blob while it arrives.</summary>
internal static class FillSender
{
    /// <summary>Sends the range as its bytes come; the blob's last byte only once the blob is stored.</summary>
    /// <param name="body">The answer.</param>
    /// <param name="fill">The download.</param>
    /// <param name="file">Its file, opened before it was stored.</param>
    /// <param name="range">Which bytes.</param>
    /// <param name="cancellationToken">Ends when the client has hung up.</param>
    public static async Task SendAsync(
        PipeWriter body, BlobFill fill, SafeFileHandle file, ByteRange range, CancellationToken cancellationToken)
    {
        for (var at = range.First; at <= range.Last;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var until = await fill.WaitAsync(at, cancellationToken) ?? long.MaxValue;
            var piece = new ByteRange(at, Math.Min(range.Last, until - 1));
            await FileSender.SendAsync(body, file, piece, cancellationToken);
            at = piece.Last + 1;
        }
    }
}
