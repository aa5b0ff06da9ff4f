using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>The way to the index under every disturbance at once, in orders that chance chooses.</summary>
public sealed class DisturbedFlowTests
{
    private const string Repository = "team/app";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Whatever_is_cut_lost_repeated_or_restarted_the_index_ends_with_what_the_registry_holds(int seed)
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var chance = new Random(seed);
        var tags = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (var step = 0; step < 60; step++)
        {
            var (tag, text) = ($"t{chance.Next(4)}", $"m{chance.Next(3)}");
            switch (chance.Next(12))
            {
                case < 4:
                    tags[tag] = await flow.PushAsync("registry", Repository, tag, text);
                    break;
                case 4:
                    await flow.DeleteAsync("registry", Repository, tag);
                    tags.Remove(tag);
                    break;
                case 5:
                    await flow.DeleteAsync("registry", Repository, IndexedRegistries.DigestOf(text));
                    foreach (var (gone, _) in tags.Where(t => t.Value == IndexedRegistries.DigestOf(text)).ToList()) tags.Remove(gone);
                    break;
                case 6:
                    flow.Line.LosesAnswers = !flow.Line.LosesAnswers;
                    break;
                case 7:
                    flow.Line.Repeats = !flow.Line.Repeats;
                    break;
                case 8:
                    flow.DisconnectIndex();
                    break;
                case 9:
                    flow.ConnectIndex();
                    break;
                case 10:
                    await flow.Registry().RestartAsync();
                    break;
                case 11:
                    await flow.RestartIndexAsync(isForgetful: chance.Next(3) == 0);
                    break;
            }
        }

        (flow.Line.LosesAnswers, flow.Line.Repeats) = (false, false);
        flow.ConnectIndex();
        flow.Registry().Clock.Advance(TimeSpan.FromMinutes(2));
        await flow.ExpectTagsAsync(Repository, string.Join(' ', tags.Select(t => $"{t.Key}@registry={t.Value}")));
        await flow.ExpectToldAsync();
    }
}
