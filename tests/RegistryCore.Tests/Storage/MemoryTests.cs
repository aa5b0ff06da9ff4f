using System.Net;
using System.Security.Cryptography;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>Blobs go through the server, not into its memory.</summary>
public sealed class MemoryTests(ITestOutputHelper output)
{
    private const int Pushes = 32;
    private const int Megabyte = 1024 * 1024;

    [Fact]
    public async Task Many_large_pushes_at_once_stay_within_bounded_memory()
    {
        var size = (Environment.GetEnvironmentVariable("AUTHINDEX_LONG_TESTS") == "1" ? 100 : 6) * Megabyte;
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, "repository:memory/repo:pull,push");
        http.Timeout = TimeSpan.FromMinutes(5);
        var statuses = await Task.WhenAll(Enumerable.Range(0, Pushes).Select(async i =>
        {
            using var content = new GeneratedContent(i, size);
            using var response = await http.PostAsync(
                new Uri($"/v2/memory/repo/blobs/uploads/?digest={content.Digest}", UriKind.Relative), content,
                TestContext.Current.CancellationToken);
            return response.StatusCode;
        }));

        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.Created, status));
        var peak = long.Parse((await File.ReadAllLinesAsync($"/proc/{server.Id}/status", TestContext.Current.CancellationToken))
            .Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) / 1024;
        output.WriteLine($"{Pushes} pushes of {size / Megabyte} MiB at once: at most {peak} MiB");
        Assert.True(peak < 300, $"The process took {peak} MiB.");
    }

    /// <summary>A blob that is made while it is sent: blocks of one random megabyte, each beginning with numbers of its own.</summary>
    private sealed class GeneratedContent : HttpContent
    {
        private static readonly byte[] Block = RandomNumberGenerator.GetBytes(Megabyte);

        private readonly int number;
        private readonly int size;

        public GeneratedContent(int number, int size)
        {
            (this.number, this.size) = (number, size);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var part in Parts()) hash.AppendData(part);
            Digest = "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        public string Digest { get; }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var part in Parts()) await stream.WriteAsync(part);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = size;
            return true;
        }

        private IEnumerable<byte[]> Parts()
        {
            for (var at = 0; at < size; at += Megabyte)
            {
                yield return BitConverter.GetBytes((long)number << 32 | (uint)at);
                yield return Block[8..];
            }
        }
    }
}
