using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Blobs pass through the registry; they are never held by it.</summary>
public sealed class LargeBlobTests
{
    private const long Length = 1L << 30;
    private const long Bound = 200L << 20;

    [Fact]
    public async Task A_blob_of_1_GiB_comes_and_goes_in_less_than_200_MiB_of_memory()
    {
        await using var up = await AuthIndexUp.StartAsync();
        using var http = new HttpClient { BaseAddress = up.Registry, Timeout = TimeSpan.FromMinutes(2) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", await TokenAsync(up, "repository:large/blob:pull,push"));
        var none = TestContext.Current.CancellationToken;

        using var opened = await http.PostAsync(new Uri("/v2/large/blob/blobs/uploads/", UriKind.Relative), content: null, none);
        Assert.Equal(HttpStatusCode.Accepted, opened.StatusCode);
        using var content = new StreamContent(new PseudoBlob(Length));
        using var patched = await http.PatchAsync(opened.Headers.Location, content, none);
        Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
        var digest = $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(new PseudoBlob(Length), none))}";
        var location = new Uri(up.Registry, patched.Headers.Location!).AbsoluteUri;
        using var closed = await http.PutAsync(
            new Uri($"{location}{(location.Contains('?', StringComparison.Ordinal) ? '&' : '?')}digest={digest}"), content: null, none);
        Assert.Equal(HttpStatusCode.Created, closed.StatusCode);

        using var pulled = await http.GetAsync(
            new Uri($"/v2/large/blob/blobs/{digest}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, none);
        Assert.Equal(HttpStatusCode.OK, pulled.StatusCode);
        Assert.Equal(Length, pulled.Content.Headers.ContentLength);
        await using var body = await pulled.Content.ReadAsStreamAsync(none);
        Assert.Equal(digest, $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(body, none))}");

        Assert.InRange(ProcessTable.PeakMemory(up.ServerProcess("RegistryCore")), 1, Bound);
    }

    private static async Task<string> TokenAsync(AuthIndexUp up, string scope)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = Basic.Header("admin", up.AdminPassword);
        var answer = await http.GetStringAsync(
            new Uri(up.TokenServer, $"/token?service=registry&scope={scope}"), TestContext.Current.CancellationToken);
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty("token").GetString()!;
    }

    /// <summary>One random MiB over and over, each time with its number in front: a large body that costs no memory.</summary>
    private sealed class PseudoBlob(long length) : Stream
    {
        private static readonly byte[] Block = RandomNumberGenerator.GetBytes(1 << 20);
        private long at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get => at; set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            var offset = (int)(at % Block.Length);
            var count = (int)Math.Min(Math.Min(buffer.Length, Block.Length - offset), length - at);
            Block.AsSpan(offset, count).CopyTo(buffer);
            if (offset == 0 && count > 0) buffer[0] = (byte)(at / Block.Length);
            at += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
