using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class KeyRotationTests : IDisposable
{
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(10);

    private readonly TemporaryDirectory directory = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rotation_adds_a_key_that_signs_later_and_a_second_one_meanwhile_is_refused()
    {
        var old = KeyDirectory.Create(directory.Root, clock);
        var output = await RotateAsync();
        Assert.Equal(["next", "signing"], States());
        Assert.Contains("2030-01-02T03:14:06Z", output, StringComparison.Ordinal);
        Assert.Contains(
            "there is already a next key for ES256", (await Assert.ThrowsAsync<OperatorException>(() => RotateAsync())).Message,
            StringComparison.Ordinal);
        Assert.Equal(2, KeyDirectory.List(directory.Root).Count);
        Assert.Contains(old, KeyDirectory.List(directory.Root));
    }

    [Fact]
    public async Task A_retired_key_is_removed_by_the_next_rotation_after_the_longest_life_of_a_token()
    {
        var first = KeyDirectory.Create(directory.Root, clock);
        await RotateAsync();
        clock.Advance(TimeSpan.FromHours(1));
        await RotateAsync();
        Assert.True(File.Exists(first)); // the server may be configured otherwise than this command
        clock.Advance(TimeSpan.FromHours(25));
        Assert.Contains("removed the signing key", await RotateAsync(), StringComparison.Ordinal);
        Assert.False(File.Exists(first));
        Assert.Equal(["next", "signing"], States());
    }

    [Fact]
    public async Task A_next_key_that_was_made_while_the_clock_was_wrong_is_replaced_and_said_so()
    {
        KeyDirectory.Create(directory.Root, clock);
        clock.Advance(TimeSpan.FromDays(3650));
        await RotateAsync();
        var wrong = KeyDirectory.Load(directory.Root)[0];
        clock.AdjustTime(clock.GetUtcNow().AddDays(-3650));
        Assert.Equal(["next", "signing"], States());

        var output = await RotateAsync();
        Assert.Contains(
            $"the key {wrong.Key.Id} would have started signing only at 2039-12-31T03:14:06Z: the clock was wrong when it was created", output,
            StringComparison.Ordinal);
        Assert.False(File.Exists(wrong.Path));
        Assert.Equal(["next", "signing"], States());
        clock.Advance(Ahead + TimeSpan.FromSeconds(1));
        Assert.Equal(["signing", "retiring"], States());
    }

    [Fact]
    public async Task Of_rotations_at_once_one_makes_a_key()
    {
        KeyDirectory.Create(directory.Root, clock);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await RotateAsync();
            }
            catch (OperatorException e)
            {
                return e.Message;
            }
        })));
        Assert.Single(outcomes, o => o.StartsWith("created", StringComparison.Ordinal));
        Assert.Equal(7, outcomes.Count(o => o.Contains("already", StringComparison.Ordinal)));
        Assert.Equal(2, KeyDirectory.List(directory.Root).Count);
    }

    [Fact]
    public async Task A_rotation_waits_for_one_in_another_process()
    {
        KeyDirectory.Create(directory.Root, clock);
        var other = Hosting.Files.FileLock.TryTake(directory["lock"]);
        var waiting = RotateAsync();
        Assert.False(waiting.IsCompleted);
        Assert.Single(KeyDirectory.List(directory.Root));
        other!.Dispose();
        await waiting;
        Assert.Equal(2, KeyDirectory.List(directory.Root).Count);
    }

    [Fact]
    public async Task The_first_key_of_an_algorithm_signs_at_once()
    {
        KeyDirectory.Create(directory.Root, clock);
        await RotateAsync("RS256");
        Assert.Equal(["signing", "signing"], States());
        Assert.Contains(
            "--algorithm", (await Assert.ThrowsAsync<OperatorException>(() => RotateAsync(null, "ES256", "RS256"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_in_wrong_hands_are_all_exchanged_at_once()
    {
        KeyDirectory.Create(directory.Root, clock);
        await RotateAsync();
        await RotateAsync("RS256");
        var old = KeyDirectory.Load(directory.Root).Select(f => f.Key.Id).ToList();
        var output = new StringWriter();
        await new KeyRotation(Demands("ES256"), clock).ReplaceAllAsync(output, Cancel);
        var now = KeyDirectory.Load(directory.Root);
        Assert.Equal(["ES256", "RS256"], now.Select(f => f.Key.Algorithm).Order(StringComparer.Ordinal));
        Assert.Equal(["signing", "signing"], States());
        Assert.Empty(old.Intersect(now.Select(f => f.Key.Id), StringComparer.Ordinal));
    }

    public void Dispose() => directory.Dispose();

    private KeyDemands Demands(params string[] algorithms) => new(directory.Root, algorithms, false, TimeSpan.FromMinutes(5));

    private async Task<string> RotateAsync(string? algorithm = "ES256", params string[] used)
    {
        var output = new StringWriter();
        await new KeyRotation(Demands(used.Length == 0 ? ["ES256"] : used), clock).RotateAsync(algorithm, Ahead, output, Cancel);
        return output.ToString();
    }

    private IEnumerable<string> States()
    {
        var ring = new KeyRing(KeyDirectory.Load(directory.Root), TimeSpan.FromMinutes(5));
        return ring.Files.Select(f => ring.StateOf(f, clock.GetUtcNow()).ToString().ToLowerInvariant());
    }
}
