using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Copying;

/// <summary>
/// What <c>docs/replicas.md</c> says of times and memory. Each takes minutes and some memory for the object store, so they are run by hand:
/// <c>artifacts/bin/RegistryCore.Tests/release/RegistryCore.Tests -explicit only -class "*Measurements"</c>.
/// </summary>
public sealed class Measurements(SharedPostgres postgres, ITestOutputHelper output) : IDisposable
{
    private const int Megabyte = 1 << 20;
    private const string Repository = "large/layer";

    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    private readonly TemporaryDirectory folder = new();

    [Fact(Explicit = true)]
    public async Task A_layer_of_many_GiB_takes_no_more_memory_than_its_parts()
    {
        var gibibytes = int.Parse(Environment.GetEnvironmentVariable("AUTHINDEX_LAYER_GIB") ?? "10", CultureInfo.InvariantCulture);
        await using var gateway = await RadosGateway.StartAsync(gibibytes * 5 / 4 + 1);
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens, null, await SettingsAsync(gateway));
        using var http = server.Client(tokens, $"repository:{Repository}:pull,push");
        http.Timeout = TimeSpan.FromHours(1);
        var clock = Stopwatch.StartNew();
        using var opened = await http.PostAsync(new Uri($"/v2/{Repository}/blobs/uploads/", UriKind.Relative), null, Stop);
        using var content = new GeneratedContent((long)gibibytes << 30);
        using var patched = await http.PatchAsync(opened.Headers.Location, content, Stop);
        Assert.Equal(HttpStatusCode.Accepted, patched.StatusCode);
        using var closed = await http.PutAsync(
            new Uri($"{patched.Headers.Location}?digest={content.Digest}", UriKind.RelativeOrAbsolute), null, Stop);
        Assert.Equal(HttpStatusCode.Created, closed.StatusCode);
        output.WriteLine($"push of {gibibytes} GiB: {clock.Elapsed.TotalSeconds:0} s, at most {Peak(server)} MiB in memory");
        clock.Restart();
        using var pulled = await http.GetAsync(
            new Uri($"/v2/{Repository}/blobs/{content.Digest}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Stop);
        await using var body = await pulled.Content.ReadAsStreamAsync(Stop);
        Assert.Equal(content.Digest, $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(body, Stop))}");
        output.WriteLine($"pull: {clock.Elapsed.TotalSeconds:0} s, at most {Peak(server)} MiB in memory");
        Assert.InRange(Peak(server), 1, 400);
    }

    [Fact(Explicit = true)]
    public async Task How_long_a_registry_of_1000_blobs_and_1_GiB_stops_to_be_copied()
    {
        await using var gateway = await RadosGateway.StartAsync();
        var settings = await SettingsAsync(gateway);
        await using var source = await RegistryHost.StartAsync();
        await PushAsync(source, 0, 500);
        var data = Path.GetDirectoryName(source.Root)!;
        await TimeAsync("blobs of a running registry, ahead", data, settings, "postgresql", "--blobs-only");
        await PushAsync(source, 500, 5);
        await source.StopAsync();
        await TimeAsync("the rest, with the registry stopped", data, settings, "postgresql");
        await TimeAsync("blobs on the way back, ahead", folder["back"], settings, "sqlite", "--blobs-only");
        await TimeAsync("the rest on the way back", folder["back"], settings, "sqlite");
    }

    [Fact(Explicit = true)]
    public async Task A_copy_that_is_killed_at_any_moment_or_finds_no_room_goes_on()
    {
        await using var gateway = await RadosGateway.StartAsync();
        var settings = await SettingsAsync(gateway);
        await using var source = await RegistryHost.StartAsync();
        await PushAsync(source, 0, 150);
        var data = Path.GetDirectoryName(source.Root)!;
        await source.StopAsync();
        await KillAsync(data, settings, "postgresql");
        using (var small = SmallVolume.TryMount(100))
        {
            Assert.SkipWhen(small is null, SmallVolume.NeedsRoot);
            var (status, _, error) = await RegistryProcess.RunAsync(
                null, Arguments(Path.Combine(small!.Root, "data"), settings, "sqlite"));
            output.WriteLine($"full: {status} {error.Trim().Split('\n')[^1]}");
            Assert.Equal(1, status);
            Assert.Contains("run it again", error, StringComparison.Ordinal);
        }

        await KillAsync(folder["back"], settings, "sqlite");
        Assert.Equal(StoredBlobs.Files(data).Order(StringComparer.Ordinal), StoredBlobs.Files(folder["back"]).Order(StringComparer.Ordinal));
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private static string[] Arguments(string data, string[] settings, string to, params string[] options) =>
        ["storage", "copy", "--to", to, .. options, "--data", data, .. settings.SelectMany(s => (string[])["--set", "registry." + s])];

    /// <summary>Kills a copy after times that grow until one is not killed before it ends.</summary>
    private async Task KillAsync(string data, string[] settings, string to)
    {
        var kills = 0;
        for (var after = TimeSpan.FromMilliseconds(300); ; after += TimeSpan.FromMilliseconds(250), kills++)
        {
            await using var copy = ChildProcess.Start(RegistryProcess.Program, Arguments(data, settings, to));
            await Task.Delay(after, Stop);
            if (copy.HasExited)
            {
                var ended = await copy.ExitAsync(TimeSpan.FromMinutes(1));
                Assert.True(ended.ExitCode == 0, $"{to}, after {kills} kills: {ended}");
                break;
            }

            if (kills != 6) continue;
            output.WriteLine($"beside it: {(await RegistryProcess.RunAsync(null, Arguments(data, settings, to))).Error.Trim()}");
            if (copy.HasExited) break;
        }

        output.WriteLine($"{to}: {kills} kills");
    }

    private static async Task PushAsync(RegistryHost source, int first, int count)
    {
        using var http = source.As($"repository:{Repository}:pull,push");
        for (var i = first; i < first + count; i++) await new TestImage(i, layerSize: 2 * Megabyte).PushAsync(http, Repository, $"v{i}");
    }

    private static long Peak(RegistryProcess server) => long.Parse(
        File.ReadAllLines($"/proc/{server.Id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;

    private async Task TimeAsync(string what, string data, string[] settings, string to, params string[] options)
    {
        var clock = Stopwatch.StartNew();
        var (status, said, error) = await RegistryProcess.RunAsync(null, Arguments(data, settings, to, options));
        output.WriteLine($"{what}: {clock.Elapsed.TotalSeconds:0.0} s: {said.Trim()}");
        Assert.True(status == 0, said + error);
    }

    private async Task<string[]> SettingsAsync(RadosGateway gateway)
    {
        var bucket = await gateway.CreateBucketAsync();
        var connection = folder["connection"];
        await File.WriteAllTextAsync(connection, await postgres.CreateDatabaseAsync(), Stop);
        File.SetUnixFileMode(connection, DurableFile.OwnerOnly);
        return CopySettings.Of(connection, bucket);
    }

    /// <summary>A blob that is made and hashed while it is sent: one random megabyte over and over, each with its number in front.</summary>
    private sealed class GeneratedContent(long size) : HttpContent
    {
        public string Digest { get; private set; } = "";

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var block = RandomNumberGenerator.GetBytes(Megabyte);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (var at = 0L; at < size; at += Megabyte)
            {
                BitConverter.TryWriteBytes(block, at);
                hash.AppendData(block);
                await stream.WriteAsync(block);
            }

            Digest = "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        protected override bool TryComputeLength(out long length)
        {
            length = size;
            return true;
        }
    }
}
