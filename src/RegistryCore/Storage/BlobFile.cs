using System.Buffers;
using System.Security.Cryptography;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Reads whole blob files against their digest, for those who trust no disk: scrub, backup, restore.</summary>
internal static class BlobFile
{
    private const int ReadSize = 256 * 1024;
    private const int InputOutputError = 5, BadMessage = 74, StructureNeedsCleaning = 117; // EIO, EBADMSG, EUCLEAN: how file systems tell of damage

    /// <summary>Whether the file is there, readable, and of the digest and size.</summary>
    public static async Task<bool> IsIntactAsync(string path, Digest digest, long size, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        try
        {
            using var file = Open(path);
            if (RandomAccess.GetLength(file) != size) return false;
            return await HashAsync(file, digest.Algorithm, _ => { }, pace, cancellationToken) == digest;
        }
        catch (IOException e) when (e is FileNotFoundException || e.HResult is InputOutputError or StructureNeedsCleaning or BadMessage)
        {
            return false; // missing, or its sectors cannot be read; other failures, as of a volume that is away, say nothing about the bytes
        }
    }

    /// <summary>
    /// Copies a blob, durably, under its name only when the bytes are right; false when the source is missing or damaged. The
    /// caller syncs the folder.
    /// </summary>
    /// <exception cref="IOException">The target cannot be written.</exception>
    public static async Task<bool> CopyAsync(string source, string target, Digest digest, CancellationToken cancellationToken)
    {
        if (!File.Exists(source)) return false;
        var unfinished = target + ".partial";
        using (var from = Open(source))
        using (var to = File.OpenHandle(unfinished, FileMode.Create, FileAccess.Write))
        {
            var at = 0L;
            var actual = await HashAsync(from, digest.Algorithm, bytes => RandomAccess.Write(to, bytes.Span, (at += bytes.Length) - bytes.Length), NoPace, cancellationToken);
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

    /// <summary>As fast as it goes.</summary>
    public static ValueTask NoPace(int bytes, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Makes the content of a file durable that somebody else wrote.</summary>
    public static void Sync(string path)
    {
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
        DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);

    private static async Task<Digest> HashAsync(
        SafeFileHandle file, HashAlgorithmName algorithm, Action<ReadOnlyMemory<byte>> use, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            int read;
            for (var at = 0L; (read = await RandomAccess.ReadAsync(file, buffer.AsMemory(0, ReadSize), at, cancellationToken)) > 0; at += read)
            {
                hash.AppendData(buffer, 0, read);
                use(buffer.AsMemory(0, read));
                await pace(read, cancellationToken);
            }

            return Digest.Of(algorithm, hash.GetCurrentHash());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
