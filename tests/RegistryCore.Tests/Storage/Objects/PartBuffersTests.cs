using AuthIndex.RegistryCore.Storage.Objects;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

public sealed class PartBuffersTests
{
    private const int PartSize = 1024;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Memory_is_bounded_and_given_in_turn()
    {
        var buffers = new PartBuffers(PartSize, 4 * PartSize);
        var held = new List<PartBuffer>();
        foreach (var account in (string[])["a", "a", "b", "b"]) held.Add(await buffers.RentAsync(account, Cancellation));
        Assert.Null(buffers.TryRent("c"));
        var (first, second) = (buffers.RentAsync("c", Cancellation).AsTask(), buffers.RentAsync("d", Cancellation).AsTask());
        Assert.True(buffers.IsShort("a"));
        Assert.False(first.IsCompleted);

        held[0].Dispose();
        using var one = await first;
        Assert.False(second.IsCompleted);
        held[1].Dispose();
        using var two = await second;
        Assert.False(buffers.IsShort("a"));
    }

    [Fact]
    public async Task One_account_has_half_of_it_and_keeps_nobody_else_from_the_rest()
    {
        var buffers = new PartBuffers(PartSize, 4 * PartSize);
        using var one = await buffers.RentAsync("a", Cancellation);
        using var two = await buffers.RentAsync("a", Cancellation);
        var third = buffers.RentAsync("a", Cancellation).AsTask();
        Assert.Equal((true, false), (buffers.IsShort("a"), buffers.IsShort("b"))); // it waits for none of another's
        using var other = await buffers.RentAsync("b", Cancellation);
        Assert.False(third.IsCompleted);
        one.Dispose();
        (await third).Dispose();
    }

    [Fact]
    public async Task Who_stops_waiting_leaves_the_line()
    {
        var buffers = new PartBuffers(PartSize, PartSize);
        var held = await buffers.RentAsync("a", Cancellation);
        using var stop = new CancellationTokenSource();
        var waiting = buffers.RentAsync("b", stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.False(buffers.IsShort("a"));
        held.Dispose();
        held.Dispose(); // twice gives back once
        using var again = await buffers.RentAsync("c", Cancellation);
        Assert.Null(buffers.TryRent("d"));
    }

    [Fact]
    public async Task A_part_takes_as_much_as_fits()
    {
        var buffers = new PartBuffers(PartSize, 1);
        using var part = await buffers.RentAsync("a", Cancellation);
        Assert.Equal(PartSize, part.Room.Length);
        var bytes = Content.Random(PartSize).Bytes;
        bytes.CopyTo(part.Room);
        part.Fill(PartSize);
        Assert.True(part.IsFull);
        Assert.Equal(bytes, part.Content.ToArray());
    }
}
