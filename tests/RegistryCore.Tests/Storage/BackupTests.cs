using System.Net;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>Backup beside a running server, and restore, each killed on its way and run again.</summary>
public sealed class BackupTests
{
    private const string Repository = "backup/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task A_backup_taken_while_pushes_go_on_and_killed_on_its_way_restores_to_a_registry_that_is_whole()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        var (data, backup, restored) = (folder["data"], folder["backup"], folder["restored"]);
        Directory.CreateDirectory(data);
        Directory.CreateDirectory(restored);
        var images = Enumerable.Range(0, 6).Select(i => new TestImage(i)).ToList();

        foreach (var fault in ((FaultPoint Point, int Hit)?[])[(FaultPoint.BackupDatabaseCopied, 1), (FaultPoint.BackupBlobCopied, 3), (FaultPoint.BackupBlobsSynced, 1), null])
        {
            await using var server = await RegistryProcess.ServeAsync(data, tokens, fault, "garbageCollection.grace=0s");
            using var http = server.Client(tokens, Scope);
            foreach (var image in images) await image.PushAsync(http, Repository, "latest");
            using var enough = new CancellationTokenSource();
            var pushing = PushOnAsync(http, enough.Token);
            var made = await RegistryProcess.RunAsync(null, "backup", backup, "--data", data);
            await enough.CancelAsync();
            await pushing;
            Assert.True(made.Status == (fault is null ? 0 : 1), made.Output + made.Error);
            if (fault is null) Assert.False(server.HasEnded);
            else await RegistryProcess.Until(() => server.HasEnded);
        }

        foreach (var fault in ((FaultPoint Point, int Hit)?[])[(FaultPoint.RestoreBlobCopied, 2), (FaultPoint.RestoreDatabaseCopied, 1)])
        {
            Assert.NotEqual(0, (await RegistryProcess.RunAsync(fault, "restore", backup, "--data", restored)).Status);
            await using var early = await RegistryProcess.ServeAsync(restored, tokens);
            Assert.Null(early.Address);
            Assert.Contains("is not finished", early.Log, StringComparison.Ordinal);
        }

        var done = await RegistryProcess.RunAsync(null, "restore", backup, "--data", restored);
        Assert.True(done.Status == 0, done.Error);
        await using var again = await RegistryProcess.ServeAsync(restored, tokens);
        using var reader = again.Client(tokens, Scope);
        foreach (var image in images) await image.AssertPullableAsync(reader, Repository);
        await images[^1].AssertPullableAsync(reader, Repository, "latest");
        Assert.Equal(0, (await RegistryProcess.RunAsync(null, "scrub", "--data", restored)).Status);
        Assert.Equal(1, (await RegistryProcess.RunAsync(null, "restore", backup, "--data", restored)).Status);
    }

    [Fact]
    public async Task A_restore_names_what_the_backup_has_lost_and_the_rest_is_there()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        var (data, backup, restored) = (folder["data"], folder["backup"], folder["restored"]);
        foreach (var made in (string[])[data, restored]) Directory.CreateDirectory(made);
        var (kept, lost) = (new TestImage(1), new TestImage(2));
        await using (var server = await RegistryProcess.ServeAsync(data, tokens))
        {
            using var http = server.Client(tokens, Scope);
            await kept.PushAsync(http, Repository, "kept");
            await lost.PushAsync(http, Repository, "lost");
            Assert.Equal(0, await server.StopAsync());
        }

        Assert.Equal(0, (await RegistryProcess.RunAsync(null, "backup", backup, "--data", data)).Status);
        var digest = TestImage.DigestOf(lost.Layer);
        var file = Path.Combine(backup, "blobs", "sha256", digest[7..9], digest[7..]);
        File.Delete(file); // a file of its own: a backup on the same volume shares it with the registry
        await File.WriteAllTextAsync(file, "something else", TestContext.Current.CancellationToken);

        var done = await RegistryProcess.RunAsync(null, "restore", backup, "--data", restored);
        Assert.Equal(1, done.Status);
        Assert.Contains(digest, done.Output, StringComparison.Ordinal);
        await using var again = await RegistryProcess.ServeAsync(restored, tokens);
        using var reader = again.Client(tokens, Scope);
        await kept.AssertPullableAsync(reader, Repository, "kept");
        Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(reader, HttpMethod.Head, $"/v2/{Repository}/blobs/{digest}"));
        await lost.PushAsync(reader, Repository, "lost");
        await lost.AssertPullableAsync(reader, Repository, "lost");
    }

    [Fact]
    public async Task A_backup_of_a_registry_that_has_lost_a_blob_says_so_and_fails()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, Scope);
        var image = new TestImage(3);
        await image.PushAsync(http, Repository, "latest");
        File.Delete(StoredBlobs.FileOf(folder.Root, TestImage.DigestOf(image.Layer)));

        var made = await RegistryProcess.RunAsync(null, "backup", folder["backup"], "--data", folder.Root);
        Assert.Equal(1, made.Status);
        Assert.Contains(TestImage.DigestOf(image.Layer), made.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_holds_something_else_is_no_place_for_a_backup()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        var made = await RegistryProcess.RunAsync(null, "backup", folder.Root, "--data", folder.Root);
        Assert.Equal(1, made.Status);
        Assert.Contains("is not empty and holds no backup", made.Error, StringComparison.Ordinal);
    }

    private static async Task PushOnAsync(HttpClient http, CancellationToken enough)
    {
        try
        {
            for (var i = 1000; !enough.IsCancellationRequested; i++) await new TestImage(i).PushAsync(http, Repository, "moving");
        }
        catch (HttpRequestException)
        {
            // killed, as meant
        }
    }
}
