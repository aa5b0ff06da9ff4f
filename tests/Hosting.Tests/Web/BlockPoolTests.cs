using System.Net.Sockets;
using System.Text;
using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.Hosting.Tests.Web;

public sealed class BlockPoolTests : IDisposable
{
    private readonly BlockPool pool = new();

    public void Dispose() => pool.Dispose();

    [Fact]
    public void Blocks_are_large_while_few_are_in_use_and_small_beyond_that()
    {
        var rented = Enumerable.Range(0, BlockPool.MaxLarge + 100).Select(_ => pool.Rent(BlockPool.SmallSize)).ToList();
        Assert.All(rented.Take(BlockPool.MaxLarge), b => Assert.Equal(BlockPool.LargeSize, b.Memory.Length));
        Assert.All(rented.Skip(BlockPool.MaxLarge), b => Assert.Equal(BlockPool.SmallSize, b.Memory.Length));

        rented[0].Dispose();
        Assert.Equal(BlockPool.LargeSize, pool.Rent().Memory.Length);
    }

    [Fact]
    public void What_needs_more_than_a_small_block_gets_a_large_one_always()
    {
        var rented = Enumerable.Range(0, BlockPool.MaxLarge * 2).Select(_ => pool.Rent(BlockPool.SmallSize + 1)).ToList();
        Assert.All(rented, b => Assert.Equal(BlockPool.LargeSize, b.Memory.Length));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(BlockPool.LargeSize + 1));
    }

    [Fact]
    public void A_block_is_used_again_and_never_by_two()
    {
        var first = pool.Rent();
        first.Memory.Span[0] = 42;
        first.Dispose();
        var second = pool.Rent();
        Assert.Equal(42, second.Memory.Span[0]);
        second.Dispose();
        pool.Rent().Memory.Span[0] = 1;
        Assert.NotEqual(1, pool.Rent().Memory.Span[0]);
    }

    [Fact]
    public void A_block_that_is_returned_once_more_stays_with_its_next_owner()
    {
        var first = pool.Rent();
        first.Dispose();
        var second = pool.Rent(); // the same bytes
        first.Dispose();
        Assert.Equal(1, pool.InUse);
        second.Memory.Span[0] = 2;
        pool.Rent().Memory.Span[0] = 3;
        Assert.Equal(2, second.Memory.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => first.Memory);
    }

    [Fact]
    public async Task Threads_that_rent_at_once_share_no_block()
    {
        await Task.WhenAll(Enumerable.Range(1, 8).Select(n => Task.Run(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                using var block = pool.Rent();
                block.Memory.Span[..64].Fill((byte)n);
                Thread.Yield();
                Assert.Equal(-1, block.Memory.Span[..64].IndexOfAnyExcept((byte)n));
            }
        })));
    }

    [Fact]
    public async Task A_server_receives_into_it_and_connections_that_wait_hold_none_of_it()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var server = await SampleServer.StartAsync();
        var used = (BlockPool)server.App.Services.GetRequiredService<IMemoryPoolFactory<byte>>();
        var connections = new List<TcpClient>();
        for (var i = 0; i < 100; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", server.Url("/").Port, cancellation);
            await client.GetStream().WriteAsync("GET /certificate HTTP/1.1\r\nHost"u8.ToArray(), cancellation);
            connections.Add(client);
        }

        await Eventually.TrueAsync(() => used.InUse >= 100, TimeSpan.FromSeconds(20), () => $"{used.InUse} blocks are in use");
        foreach (var client in connections) await client.GetStream().WriteAsync(": h\r\n\r\n"u8.ToArray(), cancellation);
        foreach (var client in connections) Assert.True(await client.GetStream().ReadAsync(new byte[4096], cancellation) > 0);
        await Eventually.TrueAsync(() => used.InUse == 0, TimeSpan.FromSeconds(20), () => $"{used.InUse} blocks are in use");
        connections.ForEach(c => c.Dispose());
    }

    [Theory]
    [InlineData("GET /certificate HTT")]
    [InlineData("GET /certificate HTTP/1.1\r\nHost: h\r\nX-Padding: aaaa")]
    [InlineData("POST /certificate HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\naaaa")]
    [InlineData("POST /certificate HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\naaaa")]
    public async Task Connections_that_are_cut_in_the_middle_give_everything_back(string sent)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var server = await SampleServer.StartAsync();
        var used = (BlockPool)server.App.Services.GetRequiredService<IMemoryPoolFactory<byte>>();
        for (var round = 0; round < 3; round++)
        {
            var connections = new List<TcpClient>();
            for (var i = 0; i < 100; i++)
            {
                var client = new TcpClient { LingerState = new LingerOption(i % 2 == 0, 0) }; // half of them with a reset
                await client.ConnectAsync("127.0.0.1", server.Url("/").Port, cancellation);
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(sent), cancellation);
                connections.Add(client);
            }

            connections.ForEach(c => c.Dispose());
            await Eventually.TrueAsync(() => used.InUse == 0, TimeSpan.FromSeconds(20), () => $"{used.InUse} blocks are in use");
        }
    }
}
