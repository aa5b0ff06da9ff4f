using System.Diagnostics;
using System.Globalization;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Index;

namespace AuthIndex.Load;

/// <summary>
/// How long the portal's pages and the searches of clients take with 100,000 repositories, one of them with 100,000 tags, for anyone and
/// for an administrator, with both databases.
/// </summary>
internal static class PortalPages
{
    private const int Count = 100_000;
    private const int Rounds = 20;

    private static readonly string[] Pages =
    [
        "/", "/?q=99999", "/?q=none", "/?after=public/app-50000", "/repositories/public/tags", "/repositories/public/tags?after=v50000",
        "/repositories/public/app-50000",
    ];

    private static readonly string Digest = $"sha256:{new string('1', 64)}";

    /// <summary>Measures and prints; false when a page takes 200 ms or more.</summary>
    public static async Task<bool> RunAsync()
    {
        var isFast = await RunAsync("SQLite", null, host => Task.FromResult(new FileInfo(host.Options.DatabaseFile).Length));
        if (PostgresServer.Obstacle() is { } obstacle) throw new InvalidOperationException(obstacle);
        await using var postgres = await PostgresServer.StartAsync();
        using var folder = new TemporaryDirectory();
        var name = await postgres.CreateAsync();
        await File.WriteAllTextAsync(folder["connection"], postgres.ConnectionString(name));
        File.SetUnixFileMode(folder["connection"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        async Task<long> SizeAsync() =>
            long.Parse(await postgres.QueryAsync($"SELECT pg_database_size('{name}')"), CultureInfo.InvariantCulture);
        return await RunAsync("PostgreSQL", folder["connection"], _ => SizeAsync()) && isFast;
    }

    private static async Task<bool> RunAsync(string database, string? connectionFile, Func<TokenServerHost, Task<long>> size)
    {
        await using var host = await TokenServerHost.StartAsync(o =>
        {
            o.LogLevel = "warning";
            o.Database.ConnectionFile = connectionFile;
        });
        await FillAsync(host.Service<ICatalogStore>());
        Console.WriteLine($"{$"{database}, {await size(host) / 1_048_576} MiB",-46} {"median ms",10} {"worst ms",10}");
        var isFast = true;
        foreach (var path in Pages) isFast &= await MeasureAsync(path, () => host.GetAsync(path));
        foreach (var query in (string[])["n=100", "q=99999", "q=none"])
        {
            var path = $"{CatalogEndpoint.Path}?{query}";
            isFast &= await MeasureAsync(path, () => host.GetAsync(path, "admin", TokenServerHost.AdminPassword));
        }

        return isFast;
    }

    private static async Task<bool> MeasureAsync(string what, Func<Task<HttpResponseMessage>> ask)
    {
        var times = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            using var answer = await ask();
            _ = await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
            times.Add(clock.Elapsed.TotalMilliseconds);
        }

        times.RemoveAt(0); // compiles
        var median = Table.Median(times);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-46} {median,10:F1} {times.Max(),10:F1}"));
        return median < 200;
    }

    private static async Task FillAsync(ICatalogStore catalog)
    {
        const int page = 1000;
        RegistryEvent[] events =
        [
            .. Enumerable.Range(0, Count).Select(i => Pushed($"public/app-{i}")), Pushed("public/tags"),
            .. Enumerable.Range(0, Count).Select(i => Event(EventKind.TagMoved, "public/tags", $"v{i}")),
        ];
        var pages = events.Chunk(page).ToList();
        for (var i = 0; i < pages.Count; i++)
        {
            var report = new SnapshotReport("bench", i, i == pages.Count - 1, new EventPosition(0, ""), pages[i]);
            if (await catalog.TakeAsync("registry", report) is not ReportOutcome.Taken)
            {
                throw new InvalidOperationException("the catalog does not take the snapshot");
            }
        }
    }

    private static RegistryEvent Pushed(string repository) => Event(EventKind.ManifestPushed, repository, null);

    private static RegistryEvent Event(string kind, string repository, string? tag) => new()
    {
        Sequence = 0, Id = "", Kind = kind, Repository = repository, Tag = tag, Digest = Digest,
        MediaType = "application/vnd.oci.image.manifest.v1+json", Size = 7, Account = "alice", Time = 1_900_000_000,
    };
}
