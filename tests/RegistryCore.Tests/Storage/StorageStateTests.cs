using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>States in which a registry does not start, because the database and the blobs do not belong together.</summary>
public sealed class StorageStateTests
{
    private const string Repository = "lost/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Theory]
    [InlineData("missing", true)]
    [InlineData("missing", false)]
    [InlineData("empty", true)]
    [InlineData("empty", false)]
    public async Task A_folder_of_blobs_whose_database_is_lost_is_refused_and_keeps_every_blob(string state, bool isMarked)
    {
        await using var registry = await RegistryHost.StartAsync();
        var image = new TestImage(1);
        await image.PushAsync(registry.As(Scope), Repository, "latest");
        using var away = new TemporaryDirectory(inMemory: true);
        var mark = Path.Combine(registry.Root, "has-registry.db");
        var database = Path.Combine(registry.Root, "registry.db");

        await registry.RestartAsync(() =>
        {
            foreach (var file in Directory.GetFiles(registry.Root, "*registry.db*")) File.Move(file, away[Path.GetFileName(file)]);
            if (isMarked) File.Copy(away["has-registry.db"], mark);
            if (state == "empty") File.WriteAllBytes(database, []);
            var before = StoredBlobs.Files(Path.GetDirectoryName(registry.Root)!).Order(StringComparer.Ordinal).ToList();

            var refusal = Refusal(registry);
            Assert.Contains("restore", refusal, StringComparison.Ordinal);
            Assert.Contains("start over", refusal, StringComparison.Ordinal);
            Assert.Contains(database, refusal, StringComparison.Ordinal);
            Assert.Equal(before, StoredBlobs.Files(Path.GetDirectoryName(registry.Root)!).Order(StringComparer.Ordinal));

            foreach (var file in Directory.GetFiles(registry.Root, "*registry.db*")) File.Delete(file);
            foreach (var file in Directory.GetFiles(away.Root)) File.Move(file, Path.Combine(registry.Root, Path.GetFileName(file)));
        });
        await image.AssertPullableAsync(registry.As(Scope), Repository, "latest");
    }

    [Fact]
    public async Task A_database_without_repositories_that_is_younger_than_the_blobs_is_refused()
    {
        await using var registry = await RegistryHost.StartAsync();
        await new TestImage(1).PushAsync(registry.As(Scope), Repository, "latest");
        await using var empty = await RegistryHost.StartAsync(clock: new FakeTimeProvider(registry.Clock.GetUtcNow().AddMinutes(5)));
        using var away = new TemporaryDirectory(inMemory: true);
        await empty.RestartAsync(() => File.Copy(Path.Combine(empty.Root, "registry.db"), away["fresh.db"]));

        await registry.RestartAsync(() =>
        {
            var database = Path.Combine(registry.Root, "registry.db");
            File.Move(database, away["right.db"]);
            File.Copy(away["fresh.db"], database);
            Assert.Contains($"{database} that records their owners is empty", Refusal(registry), StringComparison.Ordinal);
            File.Move(away["right.db"], database, overwrite: true);
        });
    }

    [Fact]
    public async Task A_first_push_that_a_crash_cut_off_is_no_lost_database()
    {
        await using var registry = await RegistryHost.StartAsync();
        var left = Path.Combine(registry.Root, "blobs", "sha256", "ab", "ab" + new string('a', 62));
        await registry.RestartAsync(() =>
        {
            File.WriteAllText(left, "left");
            File.SetLastWriteTimeUtc(left, registry.Clock.GetUtcNow().UtcDateTime.AddSeconds(1));
        });
        await new TestImage(1).PushAsync(registry.As(Scope), Repository, "latest");
    }

    [Fact]
    public async Task A_database_that_names_blobs_in_a_folder_that_is_missing_is_refused_and_the_folder_is_not_made()
    {
        await using var registry = await RegistryHost.StartAsync();
        var image = new TestImage(1);
        await image.PushAsync(registry.As(Scope), Repository, "latest");
        using var away = new TemporaryDirectory(inMemory: true);
        var blobs = Path.Combine(registry.Root, "blobs");
        await registry.RestartAsync(() =>
        {
            Directory.Move(blobs, away["blobs"]);
            Assert.Contains("is its volume mounted?", Refusal(registry), StringComparison.Ordinal);
            Assert.False(Directory.Exists(blobs));
            Directory.Move(away["blobs"], blobs);
        });
        await image.AssertPullableAsync(registry.As(Scope), Repository, "latest");
    }

    [Fact]
    public async Task A_catalog_is_not_emptied_by_a_sync_from_a_database_that_is_lost()
    {
        await using var registry = await RegistryHost.StartAsync();
        await new TestImage(1).PushAsync(registry.As(Scope), Repository, "latest");
        using var away = new TemporaryDirectory(inMemory: true);
        await registry.RestartAsync(() =>
        {
            var database = Path.Combine(registry.Root, "registry.db");
            File.Move(database, away["right.db"]);
            File.WriteAllBytes(database, []);
            var options = new RegistryOptions { DataDirectory = Path.GetDirectoryName(registry.Root)! };
            var refusal = Assert.ThrowsAsync<OperatorException>(
                () => SyncCommand.RunAsync(options, TextWriter.Null, TestContext.Current.CancellationToken)).GetAwaiter().GetResult();
            Assert.Contains("restore", refusal.Message, StringComparison.Ordinal);
            File.Move(away["right.db"], database, overwrite: true);
        });
    }

    [Fact]
    public async Task The_collection_goes_on_where_it_stood_before_a_restart()
    {
        await using var registry = await RegistryHost.StartAsync(o =>
        {
            o.GarbageCollection.Every = TimeSpan.FromDays(1);
            o.GarbageCollection.Grace = TimeSpan.FromHours(24);
        });
        registry.Clock.Advance(TimeSpan.FromHours(16));
        await registry.RestartAsync();
        Assert.Null(Collected(registry));
        registry.Clock.Advance(TimeSpan.FromHours(16));
        await registry.RestartAsync();
        await Eventually.TrueAsync(
            () => Collected(registry) is not null, TimeSpan.FromSeconds(30), () => "no collection, 32 hours after the registry was made");

        var first = Collected(registry);
        registry.Clock.Advance(TimeSpan.FromHours(16));
        await registry.RestartAsync();
        Assert.Equal(first, Collected(registry));
        registry.Clock.Advance(TimeSpan.FromHours(16));
        await registry.RestartAsync();
        await Eventually.TrueAsync(
            () => Collected(registry) > first, TimeSpan.FromSeconds(30), () => "no second collection a day after the first");
    }

    private static long? Collected(RegistryHost registry) =>
        registry.Service<RegistryDatabase>().Read(StorageState.Collections).CollectedAt;

    private static string Refusal(RegistryHost registry)
    {
        var options =
            new RegistryOptions { DataDirectory = Path.GetDirectoryName(registry.Root)!,
                Listen = new Hosting.Configuration.ListenAddress("127.0.0.1", 0), LogLevel = "error" };
        return Assert.Throws<OperatorException>(() => RegistryApp.Create(options, registry.Clock)).Message;
    }
}
