using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Import;

/// <summary>The command as a shell runs it: beside a server, without one, and killed on its way.</summary>
public sealed class ImportCommandTests
{
    private const string Repository = "team/app";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task An_import_that_is_killed_anywhere_is_finished_by_the_next_and_leaves_nothing_half_done()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        var source = new DistributionFolder(folder);
        var images = Enumerable.Range(0, 3).Select(i => new TestImage(i)).ToList();
        foreach (var image in images) source.Push(Repository, image, $"v{image.Layer[0]}", "latest");
        source.PushManifest(Repository, TestImage.Index([.. images.Select(i => i.Digest)]), "multi");
        var data = folder.Folder("data");

        foreach (var fault in ((FaultPoint, int)[])
            [(FaultPoint.ImportBlobVerified, 1), (FaultPoint.BlobMoved, 1), (FaultPoint.DirectorySynced, 2), (FaultPoint.BeforeCommit, 2),
                (FaultPoint.Committed, 3)])
        {
            Assert.NotEqual(0, (await RegistryProcess.RunAsync(fault, "import", "distribution", source.Root, "--data", data)).Status);
            Assert.Equal(0, (await RegistryProcess.RunAsync(null, "scrub", "--data", data)).Status);
        }

        var done = await RegistryProcess.RunAsync(null, "import", "distribution", source.Root, "--data", data);
        Assert.True(done.Status == 0, done.Output + done.Error);
        Assert.Contains("1 repositories in", done.Error, StringComparison.Ordinal);
        await using var server = await RegistryProcess.ServeAsync(data, tokens);
        using var http = server.Client(tokens, Scope);
        foreach (var image in images) await image.AssertPullableAsync(http, Repository);
        Assert.Equal(
            TestImage.Index([.. images.Select(i => i.Digest)]),
            await http.GetByteArrayAsync(
                new Uri($"/v2/{Repository}/manifests/multi", UriKind.Relative), TestContext.Current.CancellationToken));
        Assert.False(Directory.Exists(Path.Combine(data, "registry", "imports")));
    }

    [Fact]
    public async Task Beside_a_server_it_is_the_server_that_imports_and_progress_and_defects_are_told()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        var source = new DistributionFolder(folder);
        var (good, bad) = (new TestImage(1), new TestImage(2));
        source.Push(Repository, good, "good");
        source.Push(Repository, bad, "bad");
        File.Delete(source.Blob(TestImage.DigestOf(bad.Layer)));
        await using var server = await RegistryProcess.ServeAsync(folder.Folder("data"), tokens, null, "garbageCollection.grace=0s");

        var text = await RegistryProcess.RunAsync(null, "import", "distribution", source.Root, "--data", folder["data"]);
        Assert.Equal(1, text.Status);
        Assert.Equal($"1 repositories in {source.Root}", text.Error);
        Assert.Contains($"{Repository}: {TestImage.DigestOf(bad.Layer)}: its content is missing", text.Output, StringComparison.Ordinal);

        var json = await RegistryProcess.RunAsync(
            null, "import", "distribution", source.Root, "--data", folder["data"], "--json", "--dry-run");
        Assert.Equal(1, json.Status);
        Assert.Equal(
            (1, 3), ((int)JsonNode.Parse(json.Output)!["manifestsBefore"]!, JsonNode.Parse(json.Output)!["problems"]!.AsArray().Count));
        using var http = server.Client(tokens, Scope);
        await good.AssertPullableAsync(http, Repository, "good");
    }

    [Fact]
    public async Task What_the_registrys_user_may_not_read_is_named_and_the_rest_is_taken()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        var source = new DistributionFolder(folder);
        var (good, layer, manifest) = (new TestImage(1), new TestImage(2), new TestImage(3));
        foreach (var image in (TestImage[])[good, layer, manifest]) source.Push(Repository, image);
        string[] unreadable = [TestImage.DigestOf(layer.Layer), manifest.Digest];
        foreach (var digest in unreadable) File.SetUnixFileMode(source.Blob(digest), UnixFileMode.None);

        foreach (var transfer in (string[])["--copy", "--link"])
        {
            // Root reads everything unless the right to is taken from it.
            string[] starter = Environment.IsPrivilegedProcess
                ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
                : ["env"];
            var done = await ChildProcess.RunAsync(
                starter[0], [
                    .. starter[1..], RegistryProcess.Program, "import", "distribution", source.Root, transfer, "--data",
                        folder.Folder($"data{transfer}")]);
            Assert.True(done.ExitCode == 1, done.All);
            foreach (var digest in unreadable)
            {
                Assert.Contains(
                    done.Output.Split('\n'),
                    l => l.StartsWith($"  {Repository}: {digest}: ", StringComparison.Ordinal)
                    && l.Contains("cannot be read", StringComparison.Ordinal));
            }

            Assert.Contains(" 1 manifests, ", done.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Link_and_copy_exclude_each_other()
    {
        var done = await RegistryProcess.RunAsync(null, "import", "distribution", "/nowhere", "--link", "--copy");
        Assert.Equal(2, done.Status);
        Assert.Contains("mutually exclusive", done.Error + done.Output, StringComparison.Ordinal);
    }
}
