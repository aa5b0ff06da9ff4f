using System.Net;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Files;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage.Uploads;

public sealed class UploadStoreTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private static readonly TimeSpan Expiry = TimeSpan.FromDays(1);

    private FileUploadStore Uploads => registry.Host.Services.GetRequiredService<FileUploadStore>();

    [Theory]
    [InlineData("")]
    [InlineData("?digest-algorithm=sha512")]
    public async Task A_session_goes_on_after_a_restart_of_the_server(string algorithm)
    {
        await using var host = await RegistryHost.StartAsync();
        var blob = Content.Random(300_000);
        var location = (await new Repository(host, "some/repo").PostAsync("blobs/uploads/" + algorithm))["Location"];
        await new Repository(host, "some/repo").PatchAsync(location, blob.Bytes[..123_456]);
        await host.RestartAsync();

        var repository = new Repository(host, "some/repo");
        (await new Repository(host, "some/other").GetAsync($"blobs/uploads/{location.Split('/')[^1]}")).MustBe(
            HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.As("mallory").GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        Assert.Equal("0-123455", (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
        (await repository.PatchAsync(location, blob.Bytes[123_456..200_000], ("Content-Range", "123456-199999"))).MustBe(
            HttpStatusCode.Accepted);
        await host.RestartAsync();

        repository = new Repository(host, "some/repo");
        var digest = algorithm.Length == 0 ? blob.Digest : blob.Digest512;
        (await repository.PutAsync($"{location}?digest={digest}", blob.Bytes[200_000..])).MustBe(HttpStatusCode.Created);
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{digest}")).Body);
    }

    [Fact]
    public async Task A_session_whose_record_was_cut_off_does_not_exist()
    {
        await using var host = await RegistryHost.StartAsync();
        var location = await new Repository(host, "some/repo").StartUploadAsync();
        await File.WriteAllTextAsync(
            Path.Combine(host.Root, "uploads", location.Split('/')[^1] + ".json"), "{\"Repos", TestContext.Current.CancellationToken);
        await host.RestartAsync();
        (await new Repository(host, "some/repo").GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
    }

    [Fact]
    public async Task A_session_whose_server_was_killed_in_the_closing_put_does_not_come_back_empty()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        string location;
        var blob = Content.Random(300_000);
        await using (var server = await RegistryProcess.ServeAsync(folder.Root, tokens, (FaultPoint.BlobMoved, 1)))
        {
            using var http = server.Client(tokens, "repository:some/repo:pull,push");
            using var begun = await http.PostAsync(
                new Uri("/v2/some/repo/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
            location = begun.Headers.Location!.OriginalString;
            using var sent = await http.PatchAsync(
                new Uri(location, UriKind.Relative), new ByteArrayContent(blob.Bytes), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, sent.StatusCode);
            await Assert.ThrowsAsync<HttpRequestException>(
                () => http.PutAsync(
                    new Uri($"{location}?digest={blob.Digest}", UriKind.Relative), null, TestContext.Current.CancellationToken));
        }

        await using var again = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var client = again.Client(tokens, "repository:some/repo:pull,push");
        using var status = await client.GetAsync(new Uri(location, UriKind.Relative), TestContext.Current.CancellationToken);
        (await Answer.ReadAsync(status)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        using var closing = await client.PutAsync(
            new Uri($"{location}?digest={blob.Digest}", UriKind.Relative), null, TestContext.Current.CancellationToken);
        (await Answer.ReadAsync(closing)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
    }

    [Fact]
    public async Task A_session_that_has_no_bytes_yet_goes_on_after_a_restart()
    {
        await using var host = await RegistryHost.StartAsync();
        var location = await new Repository(host, "some/repo").StartUploadAsync();
        await host.RestartAsync();
        var blob = Content.Random();
        (await new Repository(host, "some/repo").PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_session_that_nobody_touched_is_swept_and_one_in_use_stays()
    {
        await using var host = await RegistryHost.StartAsync();
        var uploads = host.Services.GetRequiredService<FileUploadStore>();
        var repository = new Repository(host, "some/repo");
        var (old, young) = (await repository.StartUploadAsync(), await repository.StartUploadAsync());
        await repository.PatchAsync(old, [1, 2, 3]);
        await repository.PatchAsync(young, [1, 2, 3]);

        Assert.Equal(0, uploads.Sweep(Expiry));
        host.Clock.Advance(Expiry + TimeSpan.FromMinutes(1));
        Age(host, young, host.Clock.GetUtcNow());
        Assert.Equal(2, uploads.Sweep(Expiry)); // record and bytes

        repository = repository.As("alice");
        (await repository.GetAsync(old)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.GetAsync(young)).MustBe(HttpStatusCode.NoContent);
        Assert.Equal(2, Directory.GetFiles(Path.Combine(host.Root, "uploads")).Length);
    }

    [Fact]
    public async Task Sessions_left_from_before_a_restart_and_bytes_without_a_record_are_swept_too()
    {
        await using var host = await RegistryHost.StartAsync();
        var location = await new Repository(host, "some/repo").StartUploadAsync();
        await host.RestartAsync();
        var folder = Path.Combine(host.Root, "uploads");
        await File.WriteAllTextAsync(Path.Combine(folder, new string('a', 32) + ".data"), "orphan", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "notes.txt"), "not ours", TestContext.Current.CancellationToken);
        host.Clock.Advance(Expiry + TimeSpan.FromMinutes(1));
        Assert.Equal(3, host.Services.GetRequiredService<FileUploadStore>().Sweep(Expiry)); // record and bytes, and the orphan
        Assert.Equal([Path.Combine(folder, "notes.txt")], Directory.GetFiles(folder));
        (await new Repository(host, "some/repo").GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
    }

    [Fact]
    public async Task A_session_that_a_request_holds_is_not_swept()
    {
        await using var host = await RegistryHost.StartAsync();
        var uploads = host.Services.GetRequiredService<FileUploadStore>();
        var session = uploads.Create(Name("some/repo"), "alice", HashAlgorithmName.SHA256)!;
        host.Clock.Advance(Expiry + TimeSpan.FromMinutes(1));
        using (session.TryEnter()) Assert.Equal(0, uploads.Sweep(Expiry));
        Assert.Equal(2, uploads.Sweep(Expiry)); // record and bytes
    }

    [Fact]
    public void One_request_at_a_time_holds_a_session()
    {
        var session = Uploads.Create(Name("some/repo"), "alice", HashAlgorithmName.SHA256)!;
        using (var turn = session.TryEnter())
        {
            Assert.NotNull(turn);
            Assert.Null(session.TryEnter());
        }

        using var next = session.TryEnter();
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_session_that_ended_while_a_request_was_on_its_way_cannot_be_entered()
    {
        var (finished, cancelled) = (Create(), Create());
        using (finished.TryEnter())
        {
            await Uploads.FinishAsync(finished, Digest.Compute(HashAlgorithmName.SHA256, []), TestContext.Current.CancellationToken);
        }

        using (cancelled.TryEnter()) Uploads.Remove(cancelled);
        Assert.Null(finished.TryEnter());
        Assert.Null(cancelled.TryEnter());
    }

    [Fact]
    public async Task A_swept_session_cannot_be_entered_by_a_request_that_had_found_it()
    {
        await using var host = await RegistryHost.StartAsync();
        var uploads = host.Services.GetRequiredService<FileUploadStore>();
        var session = uploads.Create(Name("some/repo"), "alice", HashAlgorithmName.SHA256)!;
        host.Clock.Advance(Expiry + TimeSpan.FromMinutes(1));
        uploads.Sweep(Expiry);
        Assert.Null(session.TryEnter());
    }

    private FileUploadSession Create() => Uploads.Create(Name("some/repo"), "alice", HashAlgorithmName.SHA256)!;

    private static void Age(RegistryHost host, string location, DateTimeOffset time)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(host.Root, "uploads"), location.Split('/')[^1] + ".*"))
        {
            File.SetLastWriteTimeUtc(file, time.UtcDateTime);
        }
    }

    private static RepositoryName Name(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text);
}
