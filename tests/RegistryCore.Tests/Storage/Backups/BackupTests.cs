using System.Net;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Backups;

/// <summary>Backup beside a running server, and restore, each killed on its way and run again.</summary>
public sealed class BackupTests
{
    private const string Repository = "backup/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task A_backup_taken_while_pushes_go_on_and_killed_on_its_way_restores_to_a_registry_that_is_whole()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        var (data, backup, restored) = (folder["data"], folder["backup"], folder["restored"]);
        Directory.CreateDirectory(data);
        Directory.CreateDirectory(restored);
        var images = Enumerable.Range(0, 6).Select(i => new TestImage(i)).ToList();

        foreach (var fault in ((FaultPoint Point, int Hit)?[])[
            (FaultPoint.BackupDatabaseCopied, 1), (FaultPoint.BackupBlobCopied, 3), (FaultPoint.BackupBlobsSynced, 1), null])
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

            // Its last words are read a moment after its end.
            await RegistryProcess.Until(() => early.Log.Contains("is not finished", StringComparison.Ordinal));
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
        using var folder = new TemporaryDirectory(inMemory: true);
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
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, Scope);
        using var elsewhere = new TemporaryDirectory(inMemory: true);
        var image = new TestImage(3);
        await image.PushAsync(http, Repository, "latest");
        File.Delete(StoredBlobs.FileOf(folder.Root, TestImage.DigestOf(image.Layer)));

        var made = await RegistryProcess.RunAsync(null, "backup", elsewhere["backup"], "--data", folder.Root);
        Assert.Equal(1, made.Status);
        Assert.Contains(TestImage.DigestOf(image.Layer), made.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_holds_something_else_is_no_place_for_a_backup()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        using var elsewhere = new TemporaryDirectory(inMemory: true);
        await File.WriteAllTextAsync(elsewhere["something"], "else", TestContext.Current.CancellationToken);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        var made = await RegistryProcess.RunAsync(null, "backup", elsewhere.Root, "--data", folder.Root);
        Assert.Equal(1, made.Status);
        Assert.Contains("is not empty and does not contain a backup", made.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_renewed_backup_has_a_blob_that_was_pushed_again_after_it_rotted(bool onOtherVolume)
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var volume = onOtherVolume ? SmallVolume.TryMount(8) : null;
        Assert.SkipWhen(onOtherVolume && volume is null, SmallVolume.NeedsRoot);
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var (image, target) = (new TestImage(4), Path.Combine(volume?.Root ?? folder.Root, "backup"));
        await image.PushAsync(http, Repository, "latest");
        Assert.Equal(new BackupReport(2, 2, []), await BackUpAsync(registry, target), SameReport);
        var digest = TestImage.DigestOf(image.Layer);
        Rot(FileIn(registry.Root, digest));
        if (onOtherVolume) Rot(FileIn(target, digest)); // as in a backup that was made of second names and has been moved there

        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, image.Layer));
        Assert.Equal(new BackupReport(2, 1, []), await BackUpAsync(registry, target), SameReport);
        Assert.Equal(new BackupReport(2, 0, []), await BackUpAsync(registry, target), SameReport);
        Assert.Equal(
            new RestoreReport(2, []), await RestoreAsync(target, folder["restored"]),
            (a, b) => a!.Blobs == b!.Blobs && a.Damaged.SequenceEqual(b.Damaged));
        Assert.Equal(image.Layer, await File.ReadAllBytesAsync(FileIn(folder["restored"], digest), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_blob_that_is_known_to_be_damaged_is_named_and_not_saved()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(5);
        await image.PushAsync(http, Repository, "latest");
        var digest = TestImage.DigestOf(image.Layer);
        Rot(FileIn(registry.Root, digest));
        await ScrubAsync(registry);

        Assert.Equal(new BackupReport(1, 1, [digest]), await BackUpAsync(registry, folder["backup"]), SameReport);
        Assert.False(File.Exists(FileIn(folder["backup"], digest)));
    }

    [Fact]
    public async Task The_last_good_copy_of_a_damaged_blob_stays_in_the_backup()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(6);
        await image.PushAsync(http, Repository, "latest");
        await BackUpAsync(registry, folder["backup"]);
        var digest = TestImage.DigestOf(image.Layer);
        var file = FileIn(registry.Root, digest);
        File.Delete(file);
        await File.WriteAllBytesAsync(file, new byte[image.Layer.Length], TestContext.Current.CancellationToken);
        await ScrubAsync(registry);

        Assert.Equal(new BackupReport(2, 0, []), await BackUpAsync(registry, folder["backup"]), SameReport);
        Assert.Empty((await RestoreAsync(folder["backup"], folder["restored"])).Damaged);
    }

    [Fact]
    public async Task A_blob_that_the_disk_cannot_give_is_named_and_the_rest_is_restored()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(7);
        await image.PushAsync(http, Repository, "latest");
        await BackUpAsync(registry, folder["backup"]);
        var digest = TestImage.DigestOf(image.Layer);
        var file = FileIn(folder["backup"], digest);
        File.Delete(file);
        File.CreateSymbolicLink(file, "/proc/self/mem"); // whose first page reads as EIO, as a bad sector does

        var report = await RestoreAsync(folder["backup"], folder["restored"]);
        Assert.Equal([digest], report.Damaged);
        Assert.Equal(1, report.Blobs);
        Assert.True(File.Exists(StorageDirectory.DatabaseIn(folder["restored"])));
    }

    [Fact]
    public async Task A_blob_of_the_registry_that_the_disk_cannot_give_is_named_and_the_rest_is_saved()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        Assert.True(RegistryCore.Protocol.Digest.TryParse(TestImage.DigestOf([]), out var digest));
        Assert.False(await BlobFile.CopyAsync("/proc/self/mem", folder["copy"], digest, TestContext.Current.CancellationToken));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Root));
    }

    [Theory]
    [InlineData("")]
    [InlineData("inside")]
    [InlineData("inside/further")]
    [InlineData("registry/inside")]
    public async Task A_folder_within_the_data_directory_is_no_place_for_a_backup(string place)
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        await using var registry = await RegistryHost.StartAsync();
        var data = Path.GetDirectoryName(registry.Root)!;
        File.CreateSymbolicLink(folder["link"], data);
        foreach (var target in (string[])[Path.Combine(data, place), Path.Combine(folder["link"], place)])
        {
            var refusal = await Assert.ThrowsAsync<Hosting.OperatorException>(() => BackUpAsync(registry, target));
            Assert.Contains("is in the data directory", refusal.Message, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(Path.Combine(data, "inside")));
    }

    private static bool SameReport(BackupReport? one, BackupReport? other) =>
        one!.Blobs == other!.Blobs && one.Copied == other.Copied && one.Missing.SequenceEqual(other.Missing);

    private static Task<BackupReport> BackUpAsync(RegistryHost registry, string target) =>
        registry.Service<RegistryCore.Storage.Backups.Backup>().RunAsync(target, TestContext.Current.CancellationToken);

    private static Task<RestoreReport> RestoreAsync(string backup, string root) =>
        Restore.RunAsync(backup, root, TimeProvider.System, TestContext.Current.CancellationToken);

    private static Task<ScrubReport> ScrubAsync(RegistryHost registry) =>
        registry.Service<Scrubber>()
        .RunAsync(long.MaxValue, withManifests: true, bytesPerSecond: null, TestContext.Current.CancellationToken);

    private static string FileIn(string root, string digest) => Path.Combine(root, "blobs", digest[..6], digest[7..9], digest[7..]);

    /// <summary>Turns a bit as a disk does: in place, without a trace.</summary>
    private static void Rot(string file)
    {
        var time = File.GetLastWriteTimeUtc(file);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite))
        {
            var first = stream.ReadByte();
            stream.Position = 0;
            stream.WriteByte((byte)(first ^ 1));
        }

        File.SetLastWriteTimeUtc(file, time);
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
