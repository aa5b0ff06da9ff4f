using AuthIndex.Hosting.Background;

namespace AuthIndex.Hosting.Tests.Background;

public sealed class CircuitBreakerTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly CircuitBreaker breaker;

    public CircuitBreakerTests() =>
        breaker = new CircuitBreaker(TimeSpan.FromSeconds(10), clock);

    [Fact]
    public void A_server_that_failed_several_times_is_left_alone_then_tried_once()
    {
        Assert.False(breaker.Failed("first"));
        Assert.False(breaker.Failed("second"));
        Assert.True(breaker.TryEnter());
        Assert.True(breaker.Failed("third"));
        Assert.False(breaker.TryEnter());
        Assert.Equal("third", breaker.Failure);

        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(breaker.TryEnter());
        Assert.False(breaker.TryEnter());
        Assert.False(breaker.Failed("again"));
        Assert.False(breaker.TryEnter());

        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(breaker.TryEnter());
        Assert.True(breaker.Succeeded());
        Assert.True(breaker.TryEnter());
        Assert.Null(breaker.Failure);
    }

    [Fact]
    public void Failures_with_an_answer_between_them_are_chance()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.False(breaker.Failed("now and then"));
            Assert.False(breaker.Failed("now and then"));
            Assert.False(breaker.Succeeded());
        }

        Assert.True(breaker.TryEnter());
    }

    [Fact]
    public void A_certain_failure_needs_no_second_one()
    {
        Assert.True(breaker.Failed("the certificate is not trusted", isUntrusted: true));
        Assert.False(breaker.TryEnter());
    }
}
