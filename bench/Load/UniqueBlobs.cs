using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;

namespace AuthIndex.Load;

/// <summary>Blobs of one size that all differ, in their last bytes.</summary>
/// <param name="size">The size in bytes, at least 16.</param>
internal sealed class UniqueBlobs(int size)
{
    private const int TailSize = 16;

    private readonly byte[] common = RandomNumberGenerator.GetBytes(size - TailSize);
    private readonly ConcurrentQueue<UniqueBlob> prepared = new();
    private long made;

    /// <summary>Hashes blobs ahead, so that nothing is hashed while the pushes are timed.</summary>
    public void Prepare(long count)
    {
        while (prepared.Count < count) prepared.Enqueue(Make());
    }

    /// <summary>The next blob.</summary>
    public UniqueBlob Next() => prepared.TryDequeue(out var blob) ? blob : Make();

    private UniqueBlob Make()
    {
        var tail = new byte[TailSize];
        BinaryPrimitives.WriteInt64LittleEndian(tail, Interlocked.Increment(ref made));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(common);
        hash.AppendData(tail);
        return new UniqueBlob(common, tail, $"sha256:{Convert.ToHexStringLower(hash.GetCurrentHash())}");
    }
}

/// <summary>One of them.</summary>
/// <param name="Common">The bytes that all have.</param>
/// <param name="Tail">The bytes that it alone has.</param>
/// <param name="Digest">Its digest.</param>
internal sealed record UniqueBlob(byte[] Common, byte[] Tail, string Digest)
{
    /// <summary>Its size in bytes.</summary>
    public int Size => Common.Length + Tail.Length;

    /// <summary>A part of it as the body of a request.</summary>
    public HttpContent Part(int start, int length)
    {
        var common = Math.Clamp(Common.Length - start, 0, length);
        return new Content(Common.AsMemory(Math.Min(start, Common.Length), common), Tail.AsMemory(0, length - common));
    }

    private sealed class Content(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> last) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(first);
            await stream.WriteAsync(last);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = first.Length + last.Length;
            return true;
        }
    }
}
