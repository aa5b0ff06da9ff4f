using System.Security.Cryptography;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>What is remembered of pulls.</summary>
public sealed class RecentPullsTests
{
    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(1000));

    [Fact]
    public void A_manifest_is_noted_once_with_its_last_pull()
    {
        var pulls = new RecentPulls(clock);
        Note(pulls, 1);
        clock.Advance(TimeSpan.FromSeconds(5));
        Note(pulls, 1);
        Note(pulls, 2);

        Assert.Equal([1005, 1005], pulls.Take(10).Select(p => p.Time));
        Assert.Empty(pulls.Take(10));
    }

    [Fact]
    public void Beyond_the_bound_nothing_more_is_noted_until_some_are_taken()
    {
        var pulls = new RecentPulls(clock);
        for (var i = 0; i < RecentPulls.MaxNoted + 5; i++) Note(pulls, i);
        Assert.Equal(3, pulls.Take(3).Count);
        Note(pulls, -1);
        Assert.Equal(RecentPulls.MaxNoted - 2, pulls.Take(int.MaxValue).Count);
    }

    private static void Note(RecentPulls pulls, int number)
    {
        Assert.True(RepositoryName.TryParse("team/app", out var repository));
        pulls.Note(repository, Digest.Compute(HashAlgorithmName.SHA256, BitConverter.GetBytes(number)));
    }
}
