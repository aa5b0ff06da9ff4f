using System.Buffers;
using System.Security.Cryptography;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>Reads whole blob files against their digest, for those who trust no disk: scrub, backup, restore.</summary>
internal static class BlobFile
{
    private const int ReadSize = 256 * 1024;

    /// <summary>Whether the file is there, readable, and of the digest and size.</summary>
    public static async Task<bool> IsIntactAsync(
        string path, Digest digest, long size, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        using var file = TryOpen(path);
        if (file is null || RandomAccess.GetLength(file) != size) return false;
        return await HashAsync(file, digest.Algorithm, _ => { }, pace, cancellationToken) == digest;
    }

    /// <summary>
    /// Copies a blob, durably, under its name only when the bytes are right; false when the source is missing, damaged or cannot be
    /// read. The caller syncs the folder.
    /// </summary>
    /// <exception cref="IOException">The target cannot be written.</exception>
    public static async Task<bool> CopyAsync(string source, string target, Digest digest, CancellationToken cancellationToken)
    {
        var unfinished = target + ".partial";
        using (var from = TryOpen(source))
        {
            if (from is null) return false;
            using var to = GuardedFile.Recreate(unfinished);
            var at = 0L;
            var actual = await HashAsync(
                from,
                digest.Algorithm,
                bytes => RandomAccess.Write(to, bytes.Span, (at += bytes.Length) - bytes.Length),
                NoPace,
                cancellationToken);
            if (actual != digest)
            {
                File.Delete(unfinished);
                return false;
            }

            RandomAccess.FlushToDisk(to);
        }

        File.Move(unfinished, target, overwrite: true);
        return true;
    }

    /// <summary>The pace of a reader that is not held back.</summary>
    public static ValueTask NoPace(int bytes, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Makes the content of a file durable that somebody else wrote.</summary>
    public static void Sync(string path)
    {
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
        DurableFile.SyncDirectory(ParentFolder.Of(path));
    }

    /// <summary>Opens a file to read all of it; null when it is missing or the disk cannot give it.</summary>
    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        }
        catch (IOException e) when (e is FileNotFoundException || DurableFile.TellsDamage(e))
        {
            return null;
        }
    }

    /// <summary>The digest of all bytes; null when some of them cannot be read.</summary>
    private static async Task<Digest?> HashAsync(
        SafeFileHandle file, HashAlgorithmName algorithm, Action<ReadOnlyMemory<byte>> use, Func<int, CancellationToken, ValueTask> pace,
            CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            for (var at = 0L; await TryReadAsync(file, buffer.AsMemory(0, ReadSize), at, cancellationToken) is var read
                && read != 0; at += read.Value)
            {
                if (read is null) return null;
                hash.AppendData(buffer, 0, read.Value);
                use(buffer.AsMemory(0, read.Value));
                await pace(read.Value, cancellationToken);
            }

            return Digest.Of(algorithm, hash.GetCurrentHash());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>How many bytes were read; null when the disk cannot give them.</summary>
    private static async ValueTask<int?> TryReadAsync(
        SafeFileHandle file, Memory<byte> buffer, long at, CancellationToken cancellationToken)
    {
        try
        {
            return await RandomAccess.ReadAsync(file, buffer, at, cancellationToken);
        }
        catch (IOException e) when (DurableFile.TellsDamage(e))
        {
            return null;
        }
    }
}
