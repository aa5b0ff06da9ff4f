using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class FileLockTests : IDisposable
{
    private readonly TempFolder directory = new();

    [Fact]
    public void A_lock_is_held_by_one_and_taken_by_the_next()
    {
        using (FileLock.TryTake(directory["lock"]))
        {
            Assert.Null(FileLock.TryTake(directory["lock"]));
        }

        using var next = FileLock.TryTake(directory["lock"]);
        Assert.NotNull(next);
        Assert.Equal(DurableFile.OwnerOnly, File.GetUnixFileMode(directory["lock"]));
    }

    [Fact]
    public async Task Whoever_waits_gets_the_lock_when_it_is_given_back()
    {
        var held = FileLock.TryTake(directory["lock"])!;
        var waiting = FileLock.TakeAsync(directory["lock"], TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);
        held.Dispose();
        using var taken = await waiting;
        Assert.Null(FileLock.TryTake(directory["lock"]));
    }

    [Fact]
    public async Task Patience_ends()
    {
        using var held = FileLock.TryTake(directory["lock"]);
        await Assert.ThrowsAsync<OperatorException>(
            () => FileLock.TakeAsync(directory["lock"], TimeSpan.Zero, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_lock_that_cannot_be_made_is_not_taken_for_one_that_is_held() =>
        Assert.Throws<OperatorException>(() => FileLock.TryTake(directory["missing/lock"]));

    [Fact]
    public async Task A_folder_is_held_by_one_at_a_time_and_nothing_is_left_in_it()
    {
        var (inside, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < 500; i++)
                {
                    using var held = FileLock.TakeFolder(directory.Path);
                    most = Math.Max(most, Interlocked.Increment(ref inside));
                    Thread.Yield();
                    Interlocked.Decrement(ref inside);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        Assert.Equal(1, most);
        Assert.Empty(directory.Names);
        Assert.Throws<IOException>(() => FileLock.TakeFolder(directory["missing"]));
    }

    public void Dispose() => directory.Dispose();
}
