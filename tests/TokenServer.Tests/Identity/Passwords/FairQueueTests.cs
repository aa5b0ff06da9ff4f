using System.Net;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Passwords;

public sealed class FairQueueTests
{
    [Fact]
    public void Networks_take_turns_and_within_one_the_accounts_do()
    {
        var queue = new FairQueue<string>(100);
        foreach (var item in (string[])["1 a first", "1 a second", "1 a third", "1 b first", "2 c first", "2 c second"])
        {
            Assert.Null(Add(queue, item));
        }

        Assert.Equal(["1 a first", "2 c first", "1 b first", "2 c second", "1 a second", "1 a third"], TakeAll(queue));
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void A_newcomer_waits_for_one_of_each_crowd_only()
    {
        var queue = new FairQueue<string>(300);
        for (var i = 0; i < 200; i++) Add(queue, $"1 victim {i}");
        Add(queue, "2 alice good");
        Add(queue, "1 bob good");
        var order = TakeAll(queue);
        Assert.Equal(1, order.IndexOf("2 alice good"));
        Assert.InRange(order.IndexOf("1 bob good"), 1, 2);
    }

    [Fact]
    public void When_it_is_full_the_largest_crowd_loses_its_youngest()
    {
        var queue = new FairQueue<string>(4);
        foreach (var item in (string[])["1 a first", "1 a second", "1 a third", "2 c first"]) Add(queue, item);
        Assert.Equal("1 a third", Add(queue, "3 d first"));
        Assert.Equal("1 a second", Add(queue, "1 b first"));
        Assert.Equal(4, queue.Count);
        Assert.Equal(["1 a first", "2 c first", "3 d first", "1 b first"], TakeAll(queue));
    }

    [Fact]
    public void A_newcomer_that_is_as_large_a_crowd_itself_is_turned_away()
    {
        var queue = new FairQueue<string>(4);
        foreach (var item in (string[])["1 a first", "1 a second", "2 c first", "2 c second"]) Add(queue, item);
        Assert.Equal("1 a third", Add(queue, "1 a third"));
        Assert.Equal("2 c second", Add(queue, "2 d first"));
        Assert.Equal("2 e first", Add(queue, "2 e first"));
        Assert.Equal(4, queue.Count);
    }

    [Fact]
    public void All_that_a_registry_passes_on_has_one_turn()
    {
        var queue = new FairQueue<string>(100);
        for (var i = 1; i <= 50; i++)
        {
            var claimed = ClientNetwork.Of(IPAddress.Parse($"198.51.100.{i}"));
            queue.Add(new Requester(claimed, "victim", "registry"), $"claimed {i}");
        }

        Add(queue, "1 alice good");
        Assert.Equal(1, TakeAll(queue).IndexOf("1 alice good"));
    }

    private static string? Add(FairQueue<string> queue, string item)
    {
        var parts = item.Split(' ');
        return queue.Add(new Requester(ClientNetwork.Of(IPAddress.Parse($"192.0.2.{parts[0]}")), parts[1]), item);
    }

    private static List<string> TakeAll(FairQueue<string> queue)
    {
        var order = new List<string>();
        while (queue.Take() is { } item) order.Add(item);
        return order;
    }
}
