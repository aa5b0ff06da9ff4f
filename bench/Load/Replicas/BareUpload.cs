using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>
/// What pushing a large blob to an object store costs at least: the store's own library sends the parts of an object from memory, by some
/// clients at once. It receives nothing, hashes nothing but what the signature needs, and has no database.
/// </summary>
internal static class BareUpload
{
    /// <summary>The command that this program runs as, in a process of its own.</summary>
    public const string Command = "bare-upload";

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);

    /// <summary>One round in a process of its own on core 0, as the registry is.</summary>
    /// <param name="bucket">Where to.</param>
    /// <param name="size">The size of an object in bytes.</param>
    /// <param name="clients">How many are sent at once.</param>
    /// <param name="duration">For how long.</param>
    public static async Task<Figures> RoundAsync(S3Options bucket, int size, int clients, TimeSpan duration)
    {
        var result = await ChildProcess.RunAsync("taskset", [
            "-c", "0", "dotnet", typeof(BareUpload).Assembly.Location, Command, bucket.ServiceUrl!.AbsoluteUri, bucket.Bucket!,
            bucket.AccessKeyFile!, bucket.SecretKeyFile!,
            .. new[] { bucket.PartSize.Bytes, size, clients, (long)duration.TotalSeconds }.Select(n => n.ToString(CultureInfo.InvariantCulture))]);
        if (result.ExitCode != 0) throw new InvalidOperationException(result.ToString());
        var perSecond = double.Parse(result.Output, CultureInfo.InvariantCulture);
        return new Figures((long)(perSecond * duration.TotalSeconds), perSecond, perSecond * size / 1_000_000, TimeSpan.Zero);
    }

    /// <summary>What that process does: uploads, and prints how many it did in a second.</summary>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var numbers = arguments.Skip(4).Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToList();
        using var client = new AmazonS3Client(
            await File.ReadAllTextAsync(arguments[2]), await File.ReadAllTextAsync(arguments[3]), new AmazonS3Config
            {
                ServiceURL = arguments[0],
                AuthenticationRegion = "us-east-1",
                ForcePathStyle = true,
                RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
                ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            });
        var (part, size, clients) = (RandomNumberGenerator.GetBytes(numbers[0]), numbers[1], numbers[2]);
        await RoundAsync(client, arguments[1], part, size, clients, WarmUp);
        var perSecond = await RoundAsync(client, arguments[1], part, size, clients, TimeSpan.FromSeconds(numbers[3]));
        Console.WriteLine(perSecond.ToString(CultureInfo.InvariantCulture));
    }

    private static async Task<double> RoundAsync(
        AmazonS3Client client, string bucket, byte[] part, int size, int clients, TimeSpan duration)
    {
        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            var count = 0;
            for (; clock.Elapsed < duration; count++) await UploadAsync(client, bucket, part, size);
            return count;
        })));
        return counts.Sum() / clock.Elapsed.TotalSeconds;
    }

    private static async Task UploadAsync(AmazonS3Client client, string bucket, byte[] part, int size)
    {
        var key = $"bare/{Path.GetRandomFileName()}";
        var id = (await client.InitiateMultipartUploadAsync(bucket, key)).UploadId;
        List<PartETag> parts = [];
        for (var at = 0; at < size; at += part.Length)
        {
            var length = Math.Min(part.Length, size - at);
            using var content = new MemoryStream(part, 0, length, writable: false);
            var answer = await client.UploadPartAsync(new UploadPartRequest
            {
                BucketName = bucket,
                Key = key,
                UploadId = id,
                PartNumber = parts.Count + 1,
                PartSize = length,
                InputStream = content,
                UseChunkEncoding = false,
            });
            parts.Add(new PartETag(parts.Count + 1, answer.ETag));
        }

        await client.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = id, PartETags = parts });
    }
}
