using System.Diagnostics;

namespace AuthIndex.Load;

/// <summary>One kind of push that is measured.</summary>
/// <param name="Name">Its name, as <c>./authindex bench NAME</c> selects it.</param>
/// <param name="Size">The size of its large blob in bytes; 0 for none.</param>
/// <param name="Clients">How many push at once.</param>
/// <param name="PushAsync">One push.</param>
/// <param name="HasBareLoop">Whether the bare loop is measured beside it.</param>
internal sealed record Push(
    string Name, int Size, int Clients, Func<PushClient, PushWork, Task> PushAsync, bool HasBareLoop = false)
{
    private const int KiB = 1024, MiB = 1024 * KiB;

    // What one round may write, because storage in memory is small.
    private const long MaxBytes = 512L << 20;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Push> All { get; } =
    [
        new("push-1KiB", KiB, 8, (client, work) => client.BlobAsync(work.Blobs.Next())),
        new("push-1MiB", MiB, 8, (client, work) => client.BlobAsync(work.Blobs.Next())),
        new("push-16MiB-chunks", 16 * MiB, 4, (client, work) => client.ChunksAsync(work.Blobs.Next(), 4 * MiB)),
        new("push-100MiB", 100 * MiB, 4, (client, work) => client.BlobAsync(work.Blobs.Next()), HasBareLoop: true),
        new("push-100MiB-chunks", 100 * MiB, 4, (client, work) => client.ChunksAsync(work.Blobs.Next(), 10 * MiB)),
        new("push-manifest", 0, 8, (client, work) => client.ManifestAsync(work.Config, [work.Config])),
        new("push-image", MiB, 4, ImageAsync),
    ];

    /// <summary>Pushes for a while, by all clients at once.</summary>
    /// <param name="client">To where.</param>
    /// <param name="work">What.</param>
    /// <param name="duration">For how long; less when so much has been written that storage in memory could become full.</param>
    public async Task<Figures> RunAsync(PushClient client, PushWork work, TimeSpan duration)
    {
        var most = Size == 0 ? long.MaxValue : Math.Max(Clients, MaxBytes / Size);
        if (Size >= MiB) work.Blobs.Prepare(most);
        var begun = 0L;
        var clock = Stopwatch.StartNew();
        var times = (await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            var took = new List<TimeSpan>();
            while (clock.Elapsed < duration && Interlocked.Increment(ref begun) <= most)
            {
                var start = clock.Elapsed;
                await PushAsync(client, work);
                took.Add(clock.Elapsed - start);
            }

            return took;
        })))).SelectMany(t => t).Order().ToList();
        var perSecond = times.Count / clock.Elapsed.TotalSeconds;
        return new Figures(times.Count, perSecond, perSecond * Size / 1_000_000, times[(int)((times.Count - 1) * 0.99)]);
    }

    private static async Task ImageAsync(PushClient client, PushWork work)
    {
        var (config, layer) = (work.Configs.Next(), work.Blobs.Next());
        await client.BlobAsync(config);
        await client.BlobAsync(layer);
        await client.ManifestAsync(config, [layer]);
    }
}

/// <summary>What is pushed to one registry.</summary>
internal sealed class PushWork
{
    private const int ConfigSize = 1024;

    /// <summary>Blobs for one kind of push.</summary>
    public PushWork(Push push)
    {
        Blobs = new UniqueBlobs(Math.Max(push.Size, ConfigSize));
        Config = Configs.Next();
    }

    /// <summary>The large blobs.</summary>
    public UniqueBlobs Blobs { get; }

    /// <summary>Small ones.</summary>
    public UniqueBlobs Configs { get; } = new(ConfigSize);

    /// <summary>A small one that is in the registry before the first push.</summary>
    public UniqueBlob Config { get; }
}
